"""What happens to stored data."""

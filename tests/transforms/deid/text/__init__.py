"""Detection of personal data in free text."""

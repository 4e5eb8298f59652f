"""What happens to an event: decode, classify, gate, de-identify."""

"""How well and how fast personal data is found in free text."""

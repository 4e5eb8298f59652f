"""How the keyring's tables came to be as they are, one revision a module."""

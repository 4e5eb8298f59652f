"""The keyring's revisions; each is frozen once it was released."""

"""The ledger's revisions; each is frozen once it was released."""

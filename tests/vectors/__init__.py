"""Frozen and published vectors."""

"""Crashes at random moments and at every seam; `make test-kill`."""

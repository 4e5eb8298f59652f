"""Tests of the inventory and the policy packs."""

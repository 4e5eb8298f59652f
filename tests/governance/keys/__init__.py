"""Tests of governance.keys."""

"""Tests of one behaviour suite against every store."""

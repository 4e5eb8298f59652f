"""The second opinion: reads stores and counts days with code of its own, and shares nothing with what deletes."""

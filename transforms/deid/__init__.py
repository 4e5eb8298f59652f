"""De-identification, pure and columnar: nothing here imports Beam, reads a clock or opens a file."""

"""Hostile input: naughty strings, damaged records, archives that explode, and harnesses for atheris."""

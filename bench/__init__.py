"""Toril's own benchmark: `python -m bench --help` in the repository's root; see README.md there."""

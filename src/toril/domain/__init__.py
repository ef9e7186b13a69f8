"""Pure rules: states, transitions, decisions, retry arithmetic, errors. No I/O, no clock, no libraries."""

"""Pure rules: states and transitions, decisions, retry arithmetic, errors. Standard library only, no I/O, no clock."""

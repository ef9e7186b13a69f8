"""PostgreSQL, the record of truth: every statement in a file of its own, every write of a state guarded."""

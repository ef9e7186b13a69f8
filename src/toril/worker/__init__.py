"""A worker process: takes suggestions, claims them, runs handlers, records what came of them."""

"""The command line: `toril up`, `api`, `worker`, `migrate`, `enqueue`, `jobs`, `queues`, `check`."""

"""What becomes of events: a bus, and the subscribers that turn them into logs (later metrics and traces)."""

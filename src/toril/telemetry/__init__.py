"""What becomes of events (logs, metrics; later traces), and what a process answers to those who probe it."""

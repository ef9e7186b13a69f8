"""What an application writes against: job handlers, their options, and the context they run in."""

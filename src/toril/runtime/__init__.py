"""What everything that runs is made of: services and their life cycle, batchers, child processes."""

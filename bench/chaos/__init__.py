"""`python -m bench chaos`: faults at random under load, repeatable by a seed, and what came of every job."""

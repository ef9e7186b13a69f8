"""Toril's tests: pure ones under `unit`, real servers under everything else."""

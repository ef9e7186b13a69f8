"""Lets `python -m bench` run."""

from bench.cli import main

main()

"""Real processes to be killed, paused and blocked: the command line's fixtures serve here too."""

from tests.integration.cli.conftest import enqueue, environment, free_ports, job, start, toril

__all__ = ["enqueue", "environment", "free_ports", "job", "start", "toril"]

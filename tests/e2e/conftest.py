"""The environment of the processes on a stage."""

import pytest


@pytest.fixture
def environment(database_url: str, redis_url: str, prefix: str) -> dict[str, str]:
    """A fresh database and prefix, and a short lease: nobody waits long for what a dead worker had."""
    return {
        "TORIL_DATABASE_URL": database_url,
        "TORIL_REDIS_URL": redis_url,
        "TORIL_PREFIX": prefix,
        "TORIL_LEASE": "2",
    }

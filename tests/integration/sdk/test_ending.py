"""Programs that submit and end: when they are gone, Redis has heard of all that they had accepted."""

import time
from urllib.parse import urlsplit

import pytest

from tests.integration.sdk.conftest import Ids, Run


@pytest.mark.parametrize(
    ("program", "jobs"),
    [
        ("submits_and_ends", 1),
        ("submits_many_and_ends", 1_000),
        ("commits_and_ends", 1),
        ("submits_from_a_thread_that_outlives_the_main_thread", 2),
        ("forks", 5),
        ("forks_a_child_that_submits_nothing", 4),
    ],
)
def test_a_program_that_ends_has_told_redis(
    run: Run, recorded: Ids, suggested: Ids, promised: Ids, program: str, jobs: int
) -> None:
    told = run(program)
    assert len(set(told)) == jobs
    assert sorted(told) == recorded() == suggested()
    assert promised() == []


def test_a_program_that_fails_has_told_redis_too(
    run: Run, recorded: Ids, suggested: Ids, promised: Ids
) -> None:
    with pytest.raises(RuntimeError, match=r"status 1\n(.*\n)*LookupError: after its submit"):
        run("fails")
    assert len(recorded()) == 1
    assert (suggested(), promised()) == (recorded(), [])


def test_without_redis_the_program_ends_and_the_promise_stays(
    run: Run, recorded: Ids, promised: Ids, nowhere: int
) -> None:
    began = time.monotonic()
    told = run("submits_and_ends", redis_url=f"redis://127.0.0.1:{nowhere}/0")
    assert time.monotonic() - began < 20
    assert told == recorded() == promised()


def test_without_postgresql_nothing_is_accepted_and_the_program_ends(
    run: Run, database_url: str, recorded: Ids, nowhere: int
) -> None:
    parts = urlsplit(database_url)
    elsewhere = f"postgresql://someone@127.0.0.1:{nowhere}{parts.path}"
    assert run("submits_in_vain", database_url=elsewhere) == recorded() == []

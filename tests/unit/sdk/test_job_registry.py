"""sdk/registry.py: the job types of an application."""

import pytest

from toril import SettingsError, UnknownJob
from toril.sdk.jobtype import define
from toril.sdk.registry import Registry


def resize() -> None:
    """Do nothing."""


def thumbnail() -> None:
    """Do nothing."""


def registry() -> Registry:
    jobs = Registry()
    jobs.add(define(thumbnail, {}))
    jobs.add(define(resize, {}))
    return jobs


def test_job_types_are_found_by_name_in_their_order() -> None:
    jobs = registry()
    assert jobs.names() == ["thumbnail", "resize"]
    assert [job.function for job in jobs] == [thumbnail, resize]
    assert jobs.get("resize").function is resize
    assert len(jobs) == 2
    assert "resize" in jobs
    assert "other" not in jobs


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownJob, match="no job is called 'thumbnial'") as caught:
        registry().get("thumbnial")
    assert caught.value.hint == "did you mean 'thumbnail'?"


def test_a_second_handler_of_a_name_is_refused_naming_both_functions() -> None:
    with pytest.raises(SettingsError) as caught:
        registry().add(define(resize, {}, name="thumbnail"))
    assert f"{__name__}.thumbnail and {__name__}.resize" in caught.value.message

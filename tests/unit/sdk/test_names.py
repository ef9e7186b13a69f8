"""domain/names.py: which names jobs and queues may have."""

import pytest

from toril.domain.errors import InvalidInput
from toril.domain.names import MAX_NAME, check_job_name, check_queue_name, suggest


@pytest.mark.parametrize("name", ["thumbnail", "send e-mail", "Überweisung", "a:b", "{x}", "x" * MAX_NAME])
def test_job_names_are_printable_text(name: str) -> None:
    assert check_job_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * (MAX_NAME + 1), "a\nb", "a\0b", "a\u200bb", "\ud800", 7, None]
)
def test_other_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_job_name(name)
    assert (caught.value.code, caught.value.field) == ("invalid_name", "name")
    with pytest.raises(InvalidInput) as caught:
        check_queue_name(name)
    assert caught.value.field == "queue"


@pytest.mark.parametrize("name", ["a:b", "{a}", "a}"])
def test_queue_names_stay_clear_of_what_redis_keys_mean(name: str) -> None:
    with pytest.raises(InvalidInput, match="Redis keys") as caught:
        check_queue_name(name)
    assert caught.value.code == "invalid_name"


def test_the_nearest_known_name_is_suggested() -> None:
    assert suggest("thumbnial", ["resize", "thumbnail"]) == "did you mean 'thumbnail'?"
    assert suggest("xyz", ["resize", "thumbnail"]) is None

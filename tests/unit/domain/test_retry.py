"""The arithmetic of retries."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from toril.domain.retry import Backoff, retry_delay

backoffs = st.builds(
    Backoff,
    type=st.sampled_from(["exponential", "fixed"]),
    delay=st.floats(0, 1e6),
    factor=st.floats(1, 100),
    cap=st.floats(0, 1e8),
    jitter=st.just(value=False),
)


@given(backoffs, st.integers(1, 10_000))
def test_without_jitter_the_delay_grows_up_to_the_cap(backoff: Backoff, failures: int) -> None:
    delay = retry_delay(backoff, failures, Random(0))
    assert 0 <= delay <= backoff.cap
    assert delay <= retry_delay(backoff, failures + 1, Random(0))


@given(backoffs, st.integers(1, 10_000), st.integers())
def test_equal_jitter_keeps_half_of_the_delay(backoff: Backoff, failures: int, seed: int) -> None:
    whole = retry_delay(backoff, failures, Random(0))
    jittered = Backoff(backoff.type, backoff.delay, backoff.factor, backoff.cap, jitter=True)
    assert whole / 2 <= retry_delay(jittered, failures, Random(seed)) <= whole


def test_the_default_doubles_from_one_second_and_stops_at_an_hour() -> None:
    plain = Backoff(jitter=False)
    delays = [retry_delay(plain, failures, Random(0)) for failures in (1, 2, 3, 12, 13, 5000)]
    assert delays == [1, 2, 4, 2048, 3600, 3600]


def test_a_fixed_backoff_stays_as_it_is() -> None:
    fixed = Backoff("fixed", delay=7, jitter=False)
    assert [retry_delay(fixed, failures, Random(0)) for failures in (1, 2, 500)] == [7, 7, 7]

"""The port of metrics and probes: what it answers, whom it answers, and when the port is taken."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from toril.domain.errors import SettingsError
from toril.domain.events import OwnershipLost, ProbesServed
from toril.telemetry.probes import listen
from toril.telemetry.process import Serving, Telemetry, following, logging_telemetry

LABELS = {"version": "0", "role": "worker"}


@pytest.fixture
def free() -> range:
    """Ports from one that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    return range(first, first + 20)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def telemetry(free: range, told: list[str]) -> AsyncIterator[Telemetry]:
    """Telemetry that is served; a loop is wedged after half a second."""
    telemetry = logging_telemetry("error")

    def note(event: object) -> None:
        if isinstance(event, ProbesServed):
            told.append(event.url)

    telemetry.bus.subscribe(note)
    async with following(telemetry, Serving("127.0.0.1", free, 0.5, LABELS)) as served:
        yield served


@pytest.fixture
def get(telemetry: Telemetry, told: list[str]) -> Callable[..., "asyncio.Future[httpx.Response]"]:
    """Ask from another thread, as whoever scrapes does."""

    def ask(path: str, **headers: str) -> "asyncio.Future[httpx.Response]":
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(None, lambda: httpx.get(told[0] + path, headers=headers))

    return ask


Get = Callable[..., "asyncio.Future[httpx.Response]"]


async def test_metrics_are_scraped_in_either_format(telemetry: Telemetry, get: Get) -> None:
    telemetry.bus.emit(OwnershipLost(1, 1, None))
    plain, modern = await get("/metrics"), await get("/metrics", Accept="application/openmetrics-text")
    for response, parse in ((plain, text_string_to_metric_families), (modern, openmetrics)):
        assert response.status_code == 200
        samples = {sample.name: sample.value for family in parse(response.text) for sample in family.samples}
        assert samples["toril_ownership_lost_total"] == 1
        assert samples["process_resident_memory_bytes"] > 1_000_000
    assert plain.headers["content-type"].startswith("text/plain")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")


async def test_ready_by_the_loops_and_unready_when_one_is_overdue(telemetry: Telemetry, get: Get) -> None:
    assert (await get("/readyz")).status_code == 200
    loop = telemetry.progress.follow("relay", 1e-6)
    loop.begun()
    answer = await get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    shown = answer.json()["loops"][0]
    assert (shown["name"], shown["limit"], shown["ok"]) == ("relay", 1e-6, False)
    loop.idle()
    assert (await get("/readyz")).json()["status"] == "ok"


async def test_everything_is_answered_while_the_loop_is_blocked_and_alive_says_that_it_is(
    telemetry: Telemetry, get: Get
) -> None:
    assert (await get("/healthz")).json() == {"status": "ok"}
    asking = [get(path) for path in ("/metrics", "/readyz")]
    time.sleep(1.5)  # noqa: ASYNC251  # that is the fault
    wedged = get("/healthz")
    time.sleep(0.5)  # noqa: ASYNC251
    answer = await wedged
    assert (answer.status_code, answer.json()) == (503, {"status": "wedged"})
    for answered in asking:
        assert (await answered).elapsed.total_seconds() < 1.5
    await asyncio.sleep(0.6)
    assert (await get("/healthz")).status_code == 200


async def test_other_paths_and_methods_are_refused(get: Get, told: list[str]) -> None:
    assert (await get("/")).status_code == 404
    assert (await get("/metrics/..")).status_code == 404
    posted = await asyncio.to_thread(httpx.post, told[0] + "/metrics")
    assert posted.status_code == 501


async def test_a_client_that_says_nothing_keeps_nobody_from_an_answer(
    free: range, telemetry: Telemetry, get: Get, capfd: pytest.CaptureFixture[str], told: list[str]
) -> None:
    with socket.create_connection(("127.0.0.1", int(told[0].rpartition(":")[2]))) as silent:
        assert (await get("/healthz")).status_code == 200
        silent.sendall(b"GET /metr")
    assert (await get("/healthz")).status_code == 200
    assert capfd.readouterr().err == ""


async def test_a_port_that_is_taken_is_told_in_words_and_of_a_range_the_next_is_taken(
    free: range, telemetry: Telemetry, told: list[str]
) -> None:
    taken = int(told[0].rpartition(":")[2])
    with pytest.raises(SettingsError) as caught:
        listen("127.0.0.1", range(taken, taken + 1))
    assert str(taken) in caught.value.message
    assert caught.value.field == "TORIL_METRICS_PORT"
    with listen("127.0.0.1", range(taken, taken + 20)) as next_one:
        assert taken < next_one.getsockname()[1] < taken + 20


def test_an_address_that_is_not_ours_is_told_in_words(free: range) -> None:
    with pytest.raises(SettingsError, match="can't be served on 192"):
        listen("192.0.2.1", free)
    with pytest.raises(SettingsError, match="can't be served on nowhere"):
        listen("nowhere.invalid", free[:1])


async def test_after_the_end_the_port_is_free_again(free: range) -> None:
    port = free[:1]
    telemetry = logging_telemetry("error")
    for _ in range(2):
        async with following(telemetry, Serving("127.0.0.1", port, 5.0, LABELS)):
            pass
    assert telemetry.progress.silences() == []

"""`toril api` as a process: starting, stopping, and starting without PostgreSQL."""

import re
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.integration.cli.conftest import Running, Start, Toril, until

JOB = {"name": "unheard-of"}


def client(api: Running) -> httpx.Client:
    api.says("listens on")
    found = re.search(r"listens on (\S+)", api.out)
    assert found
    return httpx.Client(base_url=found[1], transport=httpx.HTTPTransport(retries=5))


@pytest.fixture
def absent(database_url: str, tmp_path: Path) -> tuple[str, Path, Path]:
    """A database URL whose socket isn't there yet, where to make it, and what it has to lead to."""
    url = urlsplit(database_url)
    query = parse_qs(url.query)
    there = Path(query["host"][0])
    socket = next(there.glob(".s.PGSQL.*[0-9]"))
    here = tmp_path / "s"
    here.mkdir()
    query["host"] = [str(here)]
    return url._replace(query=urlencode(query, doseq=True)).geturl(), here / socket.name, socket


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_serves_until_it_is_told_to_stop(start: Start, number: signal.Signals) -> None:
    api = start("api", "--port", "0")
    with client(api) as http:
        assert http.post("/jobs?allow_unknown=true", json=JOB).json() == {"id": 1, "status": "pending"}
    api.tell(number)
    assert api.ended() == 0
    assert not api.err


def test_it_starts_without_postgresql_and_says_so_once(start: Start, absent: tuple[str, Path, Path]) -> None:
    url, here, there = absent
    api = start("api", "--port", "0", database_url=url)
    with client(api) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 503
        refused = http.post("/jobs?allow_unknown=true", json=JOB)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        here.symlink_to(there)
        api.says("part back")
        until(lambda: http.get("/readyz").is_success)
        assert http.post("/jobs?allow_unknown=true", json=JOB).status_code == 201
    assert api.err.count("part down") == 1
    api.tell(signal.SIGTERM)
    assert api.ended() == 0


def test_it_can_be_stopped_while_it_waits(start: Start, absent: tuple[str, Path, Path]) -> None:
    api = start("api", "--port", "0", database_url=absent[0])
    api.says("part down")
    api.tell(signal.SIGTERM)
    assert api.ended() == 0


def test_redis_going_and_coming_back_is_told_once_each(start: Start, redis_url: str, tmp_path: Path) -> None:
    there = Path(urlsplit(redis_url).path)
    here = tmp_path / "valkey.sock"
    api = start("api", "--port", "0", redis_url=f"unix://{here}")
    with client(api) as http:
        api.says("part down")
        looked = {each["name"]: each["up"] for each in http.get("/readyz").json()["components"]}
        assert looked == {"postgresql": True, "redis": False, "relay": True, "loops": True}
        here.symlink_to(there)
        api.says("part back")
        until(lambda: http.get("/readyz").json()["status"] == "ok")
    assert (api.err.count("part down"), api.err.count("part back")) == (1, 1)


def test_metrics_and_probes_are_served_on_a_port_of_their_own(start: Start, free_ports: str) -> None:
    api = start("api", "--port", "0", "--metrics-port", free_ports)
    shown = httpx.get(f"{api.probes}/metrics").text
    assert 'toril_part_up{part="redis"} 1.0' in shown
    assert 'role="api"' in shown
    until(lambda: httpx.get(f"{api.probes}/readyz").is_success)
    loops = {each["name"] for each in httpx.get(f"{api.probes}/readyz").json()["loops"]}
    assert {"event loop", "leader", "relay", "catalog"} <= loops
    with client(api) as http:
        assert http.get("/metrics").status_code == 404  # not for the public
    api.tell(signal.SIGTERM)
    assert api.ended() == 0


def test_a_metrics_port_that_is_taken_is_told_in_words(start: Start, toril: Toril, free_ports: str) -> None:
    taken = start("api", "--port", "0", "--metrics-port", free_ports).probes.rpartition(":")[2]
    answer = toril("api", "--port", "0", "--metrics-port", taken)
    assert answer.returncode == 2
    assert f"can't be served on 127.0.0.1:{taken}" in answer.stderr
    assert "hint:" in answer.stderr


def test_a_port_that_is_taken_is_told_in_words(start: Start, toril: Toril) -> None:
    with client(start("api", "--port", "0")) as http:
        answer = toril("api", "--port", str(http.base_url.port))
    assert answer.returncode == 2
    assert "can't listen" in answer.stderr
    assert "hint:" in answer.stderr

"""What `toril check` says about answers, good and bad."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from toril.cli import diagnosis
from toril.cli.findings import Finding, Verdict, as_json, failed, finding_lines, ok, warning
from toril.settings import Settings
from toril.store.inspect import ServerFacts

GOOD_POSTGRES = ServerFacts(
    version="18.6",
    version_number=180006,
    standby=False,
    read_only=False,
    encoding="UTF8",
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    now=datetime(2030, 1, 31, tzinfo=UTC),
)
GOOD_REDIS = {
    "product": "valkey",
    "version": "9.1.2",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
}


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, Verdict.OK, "18.6"),
        ({"version": "14.9", "version_number": 140009}, Verdict.FAILED, "too old"),
        ({"standby": True}, Verdict.FAILED, "standby"),
        ({"read_only": True}, Verdict.FAILED, "read-only"),
        ({"encoding": "SQL_ASCII"}, Verdict.FAILED, "SQL_ASCII"),
        ({"fsync": False}, Verdict.WARNING, "fsync off"),
        ({"synchronous_commit": "off"}, Verdict.WARNING, "synchronous_commit off"),
        ({"fsync": False, "full_page_writes": False}, Verdict.WARNING, "fsync and full_page_writes off"),
    ],
)
def test_postgresql_is_judged(changes: dict[str, Any], verdict: Verdict, said: str) -> None:
    findings = diagnosis.postgres_findings(GOOD_POSTGRES._replace(**changes))
    worst = [finding for finding in findings if finding.verdict is not Verdict.OK]
    if verdict is Verdict.OK:
        assert not worst
        return
    assert [finding.verdict for finding in worst] == [verdict]
    assert said in worst[0].detail
    assert worst[0].fix


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, Verdict.OK, ""),
        ({"product": "redis", "version": "6.2.14"}, Verdict.OK, ""),
        ({"product": "redis", "version": "6.0.20"}, Verdict.FAILED, "Redis 6.0.20 is too old"),
        ({"version": "7.2.5"}, Verdict.FAILED, "Valkey 7.2.5 is too old"),
        ({"maxmemory_policy": "allkeys-lru"}, Verdict.FAILED, "allkeys-lru"),
        ({"maxmemory_policy": "unknown"}, Verdict.WARNING, "not told"),
        ({"aof_enabled": "0"}, Verdict.WARNING, "append-only"),
    ],
)
def test_redis_is_judged(changes: dict[str, str], verdict: Verdict, said: str) -> None:
    findings = diagnosis.redis_findings(GOOD_REDIS | changes)
    worst = [finding for finding in findings if finding.verdict is not Verdict.OK]
    assert [finding.verdict for finding in worst] == ([] if verdict is Verdict.OK else [verdict])
    assert all(said in finding.detail and finding.fix for finding in worst)


def test_the_remedy_for_eviction_is_the_command_to_type() -> None:
    findings = diagnosis.redis_findings(GOOD_REDIS | {"maxmemory_policy": "volatile-lru"})
    assert any("CONFIG SET maxmemory-policy noeviction" in (finding.fix or "") for finding in findings)


@pytest.mark.parametrize(
    ("difference", "took", "verdict"),
    [(0.01, 0.02, Verdict.OK), (5.0, 0.02, Verdict.WARNING), (1.5, 3.0, Verdict.OK)],
)
def test_clocks_may_differ_a_little(difference: float, took: float, verdict: Verdict) -> None:
    assert diagnosis.clock_finding(difference, took).verdict is verdict


def test_every_bad_setting_is_named_and_the_good_ones_are_used() -> None:
    settings, findings = diagnosis.examine_settings(
        {
            "TORIL_DATABSE_URL": "x",
            "TORIL_ZZZ": "x",
            "TORIL_PORT": "99999",
            "TORIL_PREFIX": "mine",
            "PATH": "/bin",
        }
    )
    assert settings == Settings(prefix="mine")
    misspelt, unknown, out_of_range = findings
    assert misspelt.fix == "Did you mean TORIL_DATABASE_URL?"
    assert unknown.detail == "There is no setting TORIL_ZZZ."
    assert "TORIL_REDIS_URL" in (unknown.fix or "")
    assert "TORIL_PORT" in out_of_range.detail
    assert all(finding.verdict is Verdict.FAILED for finding in findings)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgresql://u:se@cr:et@h/db", "postgresql://u:***@h/db"),
        ("redis://:secret@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://h/db?user=u&password=secret&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("postgresql://toril@/db?host=/tmp", "postgresql://toril@/db?host=/tmp"),
    ],
)
def test_urls_are_shown_without_their_password(url: str, shown: str) -> None:
    assert diagnosis.without_password(url) == shown


@pytest.mark.parametrize("address", ["nowhere", "no.such.module:app", "json:decoder", "tests.unit.cli:app"])
def test_an_application_that_cant_be_used_says_why(address: str) -> None:
    finding = diagnosis.examine_app(address)
    assert finding.verdict is Verdict.FAILED
    assert finding.fix


def test_findings_are_counted_and_each_has_its_fix(findings: list[Finding]) -> None:
    lines = [line.plain for line in finding_lines(findings)]
    assert lines[0].startswith("✓ one")
    assert lines[2] == "  fix: do this"
    assert lines[3].startswith("✗ three")
    assert lines[-1] == "\n1 problem, 1 warning."


def test_findings_are_json_for_programs(findings: list[Finding]) -> None:
    shown: Any = as_json(findings, ok=False)
    assert shown["ok"] is False
    assert shown["checks"][1] == {"check": "two", "verdict": "warning", "detail": "hm", "fix": "do this"}


@pytest.fixture
def findings() -> list[Finding]:
    make: list[Callable[[], Finding]] = [
        lambda: ok("one", "fine"),
        lambda: warning("two", "hm", "do this"),
        lambda: failed("three", "bad \x1b[31m", "do that"),
    ]
    return [each() for each in make]

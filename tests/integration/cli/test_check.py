"""`toril check`."""

import json

from tests.integration.cli.conftest import APP, Toril


def test_a_working_installation_passes(toril: Toril) -> None:
    answer = toril("check", "--app", APP, "--json")
    assert answer.returncode == 0, answer.stdout
    found = json.loads(answer.stdout)
    verdicts = {check["check"]: check["verdict"] for check in found["checks"]}
    assert found["ok"]
    assert verdicts.pop("postgresql durability") == "warning"  # the tests' server has fsync off
    assert set(verdicts.values()) == {"ok"}
    assert {"redis eviction", "redis scripts", "database schema", "clock", "application"} <= set(verdicts)


def test_warnings_can_be_made_to_count(toril: Toril) -> None:
    answer = toril("check", "--strict")
    assert answer.returncode == 1
    assert "! postgresql durability" in answer.stdout
    assert "alter system set fsync = on" in answer.stdout


def test_whatever_is_wrong_is_told_at_once_with_its_fix(toril: Toril) -> None:
    answer = toril(
        *("check", "--app", "nothing:here"),
        database_url="postgresql://me:secret@127.0.0.1:1/x",
        redis_url="redis://:secret@127.0.0.1:1/0",
        portt="1",
    )
    assert answer.returncode == 1
    for part in ("settings", "postgresql", "redis", "application"):
        assert f"✗ {part} " in answer.stdout
    assert answer.stdout.count("fix: ") == 4
    assert "secret" not in answer.stdout + answer.stderr
    assert "4 problems" in answer.stdout

"""Settings: read once, validated, and wrong ones explained."""

import pytest

from toril.broker.wire import Interop
from toril.domain.errors import SettingsError
from toril.settings import read_settings


def test_defaults_stand_when_nothing_is_set() -> None:
    settings = read_settings({"PATH": "/bin", "HOME": "/"})
    assert (settings.port, settings.lease, settings.prefix) == (3000, 15.0, "bull")


def test_flags_win_over_the_environment_and_none_is_no_flag() -> None:
    settings = read_settings({"TORIL_PORT": "4000", "TORIL_CONCURRENCY": "7"}, port=5000, concurrency=None)
    assert (settings.port, settings.concurrency) == (5000, 7)


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"TORIL_DATABASE_URI": "x"})
    assert "TORIL_DATABASE_URI" in caught.value.message
    assert caught.value.hint == "Did you mean TORIL_DATABASE_URL?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TORIL_PORT", "banana"),
        ("TORIL_PORT", "70000"),
        ("TORIL_CONCURRENCY", "0"),
        ("TORIL_LEASE", "0.5"),
        ("TORIL_GRACE", "-1"),
        ("TORIL_LOG", "xml"),
        ("TORIL_INTEROP", "half"),
        ("TORIL_METRICS_PORT", ""),
        ("TORIL_METRICS_PORT", "-1"),
        ("TORIL_METRICS_PORT", "9100-"),
        ("TORIL_METRICS_PORT", "0-9"),
        ("TORIL_METRICS_PORT", "9101-9100"),
        ("TORIL_METRICS_PORT", "65536"),
        ("TORIL_METRICS_PORT", "9100-9101-9102"),
        ("TORIL_METRICS_PORT", "²"),
        ("TORIL_INTEROP", "board,fast=never"),
        ("TORIL_INTEROP", "board,=off"),
    ],
)
def test_a_value_that_can_not_be_used_is_named_with_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    assert caught.value.field == name
    assert value in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["TORIL_DATABASE_URL", "TORIL_REDIS_URL"])
def test_a_url_of_another_kind_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: "http://user:secret@localhost"})
    assert caught.value.field == name
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


def test_interop_has_a_default_and_levels_of_single_queues() -> None:
    settings = read_settings({"TORIL_INTEROP": "board, bulk=off,mail = board"})
    assert settings.default_interop is Interop.BOARD
    assert settings.queue_interop == {"bulk": Interop.OFF, "mail": Interop.BOARD}


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        ("0", range(0)),
        ("9100", range(9100, 9101)),
        ("9100-9103", range(9100, 9104)),
        ("1-65535", range(1, 65536)),
    ],
)
def test_metrics_are_served_on_a_port_or_on_one_of_a_range(given: str, ports: range) -> None:
    assert read_settings({"TORIL_METRICS_PORT": given}).metrics_ports == ports

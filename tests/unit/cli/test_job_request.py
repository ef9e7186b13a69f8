"""From the arguments of `toril enqueue` to a request."""

import io
import sys
from pathlib import Path

import pytest
from msgspec import UNSET

from toril.cli.job_request import job_request, payload_text, unique_field
from toril.domain.errors import InvalidInput, PayloadTooLarge
from toril.domain.job import Held, OnConflict
from toril.operations.request import UniqueRequest


def payload(given: str | None, *parameters: str) -> str:
    text = payload_text(given, parameters)
    assert text is not None
    return bytes(text).decode()


def test_parameters_are_json_where_they_are_and_text_otherwise() -> None:
    assert payload(None, "width=320", "ok=true", 'id="7"', "zip=01234", "url=http://a/?b=c", "empty=") == (
        '{"width":320,"ok":true,"id":"7","zip":"01234","url":"http://a/?b=c","empty":""}'
    )


def test_values_are_kept_as_they_are_written() -> None:
    assert payload('{"big": 123456789012345678901234567890, "e": 1.10}') == (
        '{"big":123456789012345678901234567890,"e":1.10}'
    )


def test_a_parameter_replaces_a_field_of_the_payload() -> None:
    assert payload('{"a": 1, "b": [2]}', "a=3") == '{"a":3,"b":[2]}'


def test_nothing_given_is_no_payload() -> None:
    assert payload_text(None, []) is None
    assert job_request({"name": "x", "payload": None}, largest=1_000).request.payload is UNSET


def test_a_payload_comes_from_a_file_or_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"a": "é"}')
    assert payload(f"@{file}") == '{"a":"é"}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 2}')))
    assert payload("@-") == '{"a":2}'


@pytest.mark.parametrize("given", ["[1]", "nope", "{", "", '"text"', "@/nowhere/at/all"])
def test_a_payload_that_is_no_object_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        payload_text(given, [])
    assert refused.value.field == "--payload"
    assert refused.value.hint


@pytest.mark.parametrize("parameter", ["novalue", "=3", ""])
def test_a_parameter_without_key_or_value_is_refused(parameter: str) -> None:
    with pytest.raises(InvalidInput, match="key=value"):
        payload_text(None, [parameter])


@pytest.mark.parametrize("bad", ["text=\udcff", "\udcff=1"])
def test_bytes_that_are_no_text_are_refused(bad: str) -> None:
    with pytest.raises(InvalidInput):
        job_request({"name": "x", "payload": payload_text(None, [bad])}, largest=1_000)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        job_request({"name": "\udcff"}, largest=1_000)


def test_a_request_is_checked_as_the_api_does() -> None:
    with pytest.raises(InvalidInput, match="priority must be at least 0"):
        job_request({"name": "x", "priority": -1}, largest=1_000)


def test_a_request_over_the_size_limit_is_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="1,000 bytes"):
        job_request({"name": "x" * 2_000}, largest=1_000)


def test_flags_become_what_is_unique() -> None:
    field = unique_field("k", Held.TTL, "1m30s", OnConflict.EXTEND)
    asked = job_request({"name": "x", "unique": field}, largest=1_000)

    assert asked.request.unique == UniqueRequest(
        key="k", held=Held.TTL, on_conflict=OnConflict.EXTEND, ttl=90_000
    )
    assert unique_field(None, None, None, None) is None


def test_the_same_arguments_are_the_same_text() -> None:
    fields = {"name": "x", "payload": payload_text(None, ["a=1", "b=2"]), "unique": {"key": "k"}}

    assert job_request(fields, largest=1_000).text == job_request(fields, largest=1_000).text


@pytest.mark.parametrize(
    ("key", "held", "ttl", "on_conflict", "flag"),
    [
        (None, Held.ACTIVE, None, None, "--unique"),
        (None, None, "10m", None, "--unique"),
        (None, None, None, OnConflict.REJECT, "--unique"),
        ("k", None, "10m", None, "--ttl"),
        ("k", Held.QUEUED, "10m", None, "--ttl"),
        ("k", Held.TTL, None, None, "--ttl"),
        ("k", Held.TTL, "600", None, "--ttl"),
    ],
)
def test_flags_that_say_nothing_are_refused(
    key: str | None, held: Held | None, ttl: str | None, on_conflict: OnConflict | None, flag: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        unique_field(key, held, ttl, on_conflict)
    assert refused.value.field == flag
    assert refused.value.hint

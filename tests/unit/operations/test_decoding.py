import msgspec
import pytest
from msgspec import Struct

from toril.domain.errors import InvalidInput
from toril.operations.decoding import decode_job, explain, shortened
from toril.operations.request import BackoffRequest, JobRequest


def test_a_job_is_decoded_and_its_payload_left_alone() -> None:
    request = decode_job(b'{"name": "a", "payload": { "x" : 1.0 }, "backoff": {"type": "fixed", "delay": 5}}')

    assert isinstance(request, JobRequest)
    assert isinstance(request.payload, msgspec.Raw)
    assert bytes(request.payload) == b'{ "x" : 1.0 }'
    assert request.backoff == BackoffRequest(type="fixed", delay=5.0)


ALL = "use name, queue, payload, delay, run_at, priority, attempts, backoff, timeout, idempotency_key, unique"
WHOLE = "check that the whole document was sent"


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("{}", "name is missing.", "The job's name: which handler runs it."),
        ('{"name": ""}', "name can't be empty.", "The job's name: which handler runs it."),
        (
            '{"name": "a", "backoff": true}',
            "backoff must be a number, an object or null, not true or false.",
            None,
        ),
        ('{"name": "a", "backoff": {"type": "x", "delay": 1}}', "backoff.type can't be 'x'.", None),
        ('{"name": "a", "delay": 1e999}', "delay is a number out of range.", None),
        ('{"name": "a", "eta": 1}', "There is no field eta.", "did you mean 'run_at'?"),
        ('{"name": "a", "zzz": 1}', "There is no field zzz.", ALL),
        ("", "The body is empty.", None),
        ('{"name":', "The body is not valid JSON: it ends too early.", WHOLE),
        (
            '{"name": "a",\n "delay": NaN}',
            "The body is not valid JSON: NaN and Infinity are no JSON numbers (line 2, column 11).",
            "send null, or a string",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(body: str, message: str, hint: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_job(body.encode())

    assert caught.value.message == message
    if hint is not None:
        assert caught.value.hint == hint


def test_a_complaint_in_words_not_known_here_is_passed_on() -> None:
    class Record(Struct):
        a: int

    error = explain(msgspec.ValidationError("Something quite new - at `$.a`"), Record)

    assert (error.code, error.field) == ("invalid_value", "a")
    assert "Something quite new" in error.message


def test_every_field_of_a_request_has_a_description() -> None:
    _, components = msgspec.json.schema_components([JobRequest], ref_template="{name}")

    for record in components.values():
        assert record["description"].endswith(".")
        for field in record.get("properties", {}).values():  # an enumeration has none
            assert field["description"].endswith(".")


def test_long_text_is_shortened() -> None:
    assert shortened("x" * 100) == "x" * 100
    assert shortened("x" * 101) == "x" * 100 + "…"

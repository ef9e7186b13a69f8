"""Everything a client can get wrong, or try on purpose: refused with its own code, and nothing is stored."""

from typing import NamedTuple

import httpx
import pytest
from tests.unit.api.asgi import JSON, LINES
from tests.unit.api.memory import Memory

from toril.api.problems import PROBLEMS


class Case(NamedTuple):
    name: str
    status: int
    code: str
    field: str | None
    content: bytes | str = b""
    path: str = "/jobs"
    headers: dict[str, str] = JSON
    method: str = "POST"


def job(fields: str) -> str:
    return f'{{"name":"anything",{fields}}}'


def payload(text: str) -> str:
    return job(f'"payload":{text}')


def thumbnail(text: str) -> str:
    return f'{{"name":"thumbnail","payload":{text}}}'


LAST = "9999-12-31T23:59:59-23:59"
DEEP = "[" * 65 + "]" * 65
BOMB = "[" * 100_000 + "]" * 100_000

BODIES = [
    Case("no body", 400, "invalid_json", None),
    Case("only spaces", 400, "invalid_json", None, b" \n\t "),
    Case("not JSON", 400, "invalid_json", None, b"hello"),
    Case("cut short", 400, "invalid_json", None, b'{"name":"anyth'),
    Case("two documents", 400, "invalid_json", None, b'{"name":"anything"}{"name":"anything"}'),
    Case("something after it", 400, "invalid_json", None, b'{"name":"anything"} x'),
    Case("a trailing comma", 400, "invalid_json", None, b'{"name":"anything",}'),
    Case("single quotes", 400, "invalid_json", None, b"{'name':'anything'}"),
    Case("a comment", 400, "invalid_json", None, b'{"name":"anything"/* hi */}'),
    Case("a leading zero", 400, "invalid_json", None, job('"delay":007')),
    Case("a hexadecimal number", 400, "invalid_json", None, job('"delay":0x10')),
    Case("NaN", 400, "invalid_json", None, job('"delay":NaN')),
    Case("NaN in the payload", 400, "invalid_json", None, payload('{"a":NaN}')),
    Case("Infinity in the payload", 400, "invalid_json", None, payload('{"a":Infinity}')),
    Case("minus Infinity in the payload", 400, "invalid_json", None, payload('{"a":[-Infinity]}')),
    Case("a byte order mark", 400, "invalid_json", None, b'\xef\xbb\xbf{"name":"anything"}'),
    Case("UTF-16", 422, "invalid_unicode", "body", '{"name":"anything"}'.encode("utf-16")),
    Case("a raw control character", 400, "invalid_json", None, payload('{"a":"\x01"}')),
    Case("an unknown escape", 400, "invalid_json", None, payload(r'{"a":"\q"}')),
    Case("an array", 422, "invalid_type", None, b'[{"name":"anything"}]'),
    Case("a string", 422, "invalid_type", None, b'"anything"'),
    Case("null", 422, "invalid_type", None, b"null"),
    Case("a number", 422, "invalid_type", None, b"1"),
    Case("a bomb of brackets", 422, "invalid_type", None, BOMB),
    Case("a bomb in the payload", 422, "too_deep", "body", payload(BOMB)),
    Case("over the limit", 413, "too_large", None, payload('{"a":"' + "x" * 262_144 + '"}')),
]

FIELDS = [
    Case("no name", 422, "missing_field", "name", b"{}"),
    Case("name null", 422, "invalid_type", "name", b'{"name":null}'),
    Case("name a number", 422, "invalid_type", "name", b'{"name":1}'),
    Case("name empty", 422, "out_of_range", "name", b'{"name":""}'),
    Case("name of spaces", 422, "invalid_name", "name", b'{"name":"  "}'),
    Case("name too long", 422, "out_of_range", "name", '{"name":"%s"}' % ("x" * 201)),
    Case("name with NUL", 422, "invalid_name", "name", b'{"name":"a\\u0000"}'),
    Case("name with a line break", 422, "invalid_name", "name", b'{"name":"a\\nb"}'),
    Case("name with half a pair", 422, "invalid_unicode", "body", b'{"name":"\\ud800"}'),
    Case("name not UTF-8", 422, "invalid_unicode", "body", b'{"name":"\xff"}'),
    Case("name unknown", 422, "unknown_job", "name", b'{"name":"thumbnial"}'),
    Case("name with markup", 422, "unknown_job", "name", b'{"name":"<script>alert(1)</script>"}'),
    Case("unknown field", 422, "unknown_field", "nmae", b'{"nmae":"anything"}'),
    Case("unknown field, huge", 422, "unknown_field", "x" * 100 + "…", job('"%s":1' % ("x" * 9000))),
    Case("unknown field with NUL", 422, "unknown_field", "\0", job('"\\u0000":1')),
    Case("another system's field", 422, "unknown_field", "data", job('"data":{}')),
    Case("prototype", 422, "unknown_field", "__proto__", job('"__proto__":{}')),
    Case("queue empty", 422, "out_of_range", "queue", job('"queue":""')),
    Case("queue a number", 422, "invalid_type", "queue", job('"queue":1')),
    Case("queue with a colon", 422, "invalid_name", "queue", job('"queue":"a:b"')),
    Case("queue with a hash tag", 422, "invalid_name", "queue", job('"queue":"{a}"')),
    Case("queue with NUL", 422, "invalid_name", "queue", job('"queue":"a\\u0000"')),
    Case("queue too long", 422, "out_of_range", "queue", job('"queue":"%s"' % ("q" * 201))),
    Case("delay negative", 422, "out_of_range", "delay", job('"delay":-1')),
    Case("delay over ten years", 422, "out_of_range", "delay", job('"delay":315360000001')),
    Case("delay huge", 422, "out_of_range", "delay", job('"delay":1e400')),
    Case("delay of 5000 digits", 422, "out_of_range", "delay", job('"delay":' + "9" * 5000)),
    Case("delay text", 422, "invalid_type", "delay", job('"delay":"5000"')),
    Case("delay true", 422, "invalid_type", "delay", job('"delay":true')),
    Case("run_at and delay", 422, "conflicting_fields", "run_at", job('"delay":0,"run_at":0')),
    Case("run_at without offset", 422, "invalid_value", "run_at", job('"run_at":"2030-01-01T00:00:00"')),
    Case("run_at a date", 422, "invalid_value", "run_at", job('"run_at":"2030-01-01"')),
    Case("run_at tomorrow", 422, "invalid_value", "run_at", job('"run_at":"tomorrow"')),
    Case("run_at empty", 422, "invalid_value", "run_at", job('"run_at":""')),
    Case("run_at with NUL", 422, "invalid_value", "run_at", job('"run_at":"2030\\u0000"')),
    Case("run_at in seconds", 422, "invalid_value", "run_at", job('"run_at":1990000000')),
    Case("run_at at the end of time", 422, "out_of_range", "run_at", job(f'"run_at":"{LAST}"')),
    Case("run_at a big number", 422, "out_of_range", "run_at", job('"run_at":1e300')),
    Case("run_at negative", 422, "out_of_range", "run_at", job('"run_at":-1')),
    Case("run_at an array", 422, "invalid_type", "run_at", job('"run_at":[]')),
    Case("run_at false", 422, "invalid_type", "run_at", job('"run_at":false')),
    Case("priority negative", 422, "out_of_range", "priority", job('"priority":-1')),
    Case("priority over BullMQ's", 422, "out_of_range", "priority", job('"priority":2097153')),
    Case("priority a fraction", 422, "invalid_type", "priority", job('"priority":1.5')),
    Case("priority beyond 64 bits", 422, "out_of_range", "priority", job('"priority":99999999999999999999')),
    Case("no attempts", 422, "out_of_range", "attempts", job('"attempts":0')),
    Case("too many attempts", 422, "out_of_range", "attempts", job('"attempts":1000001')),
    Case("attempts text", 422, "invalid_type", "attempts", job('"attempts":"3"')),
    Case("timeout zero", 422, "out_of_range", "timeout", job('"timeout":0')),
    Case("timeout over ten years", 422, "out_of_range", "timeout", job('"timeout":1e15')),
    Case("timeout an object", 422, "invalid_type", "timeout", job('"timeout":{}')),
    Case("backoff negative", 422, "out_of_range", "backoff", job('"backoff":-1')),
    Case("backoff text", 422, "invalid_type", "backoff", job('"backoff":"fast"')),
    Case("backoff empty", 422, "missing_field", "backoff.type", job('"backoff":{}')),
    Case("backoff without delay", 422, "missing_field", "backoff.delay", job('"backoff":{"type":"fixed"}')),
    Case("backoff type", 422, "invalid_value", "backoff.type", job('"backoff":{"type":"x","delay":1}')),
    Case(
        "backoff field", 422, "unknown_field", "backoff.dealy", job('"backoff":{"type":"fixed","dealy":1}')
    ),
    Case(
        "backoff jitter", 422, "invalid_type", "backoff.jitter",
        job('"backoff":{"type":"fixed","delay":1,"jitter":0.5}'),
    ),
    Case(
        "backoff factor", 422, "out_of_range", "backoff.factor",
        job('"backoff":{"type":"exponential","delay":1,"factor":0}'),
    ),
]  # fmt: skip


def unique(text: str) -> str:
    return job(f'"unique":{text}')


KEYS = [
    Case("key empty", 422, "invalid_key", "idempotency_key", job('"idempotency_key":""')),
    Case("key of spaces", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"  "')),
    Case("key with a space", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"a b"')),
    Case("key with NUL", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"a\\u0000"')),
    Case("key with a line break", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"a\\nb"')),
    Case("key that turns", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"a\u202eb"')),
    Case("key too long", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"%s"' % ("k" * 256))),
    Case("key huge", 422, "invalid_key", "idempotency_key", job('"idempotency_key":"%s"' % ("k" * 10_000))),
    Case("key with half a pair", 422, "invalid_unicode", "body", job('"idempotency_key":"\\ud800"')),
    Case("key a number", 422, "invalid_type", "idempotency_key", job('"idempotency_key":1')),
    Case("key an object", 422, "invalid_type", "idempotency_key", job('"idempotency_key":{}')),
    Case("key in camels", 422, "unknown_field", "idempotencyKey", job('"idempotencyKey":"k"')),
    Case("unique text", 422, "invalid_type", "unique", unique('"k"')),
    Case("unique a number", 422, "invalid_type", "unique", unique("1")),
    Case("unique true", 422, "invalid_type", "unique", unique("true")),
    Case("unique an array", 422, "invalid_type", "unique", unique('["k"]')),
    Case("unique empty", 422, "missing_field", "unique.key", unique("{}")),
    Case("unique key null", 422, "invalid_type", "unique.key", unique('{"key":null}')),
    Case("unique key a number", 422, "invalid_type", "unique.key", unique('{"key":1}')),
    Case("unique key empty", 422, "invalid_key", "unique.key", unique('{"key":""}')),
    Case("unique key with NUL", 422, "invalid_key", "unique.key", unique('{"key":"\\u0000"}')),
    Case("unique key with a tab", 422, "invalid_key", "unique.key", unique('{"key":"a\\tb"}')),
    Case("unique key huge", 422, "invalid_key", "unique.key", unique('{"key":"%s"}' % ("k" * 10_000))),
    Case("unique field", 422, "unknown_field", "unique.kye", unique('{"kye":"k"}')),
    Case("unique field inside", 422, "unknown_field", "unique.held", unique('{"key":"k","held":"ttl"}')),
    Case("while unknown", 422, "invalid_value", "unique.while", unique('{"key":"k","while":"running"}')),
    Case("while a number", 422, "invalid_type", "unique.while", unique('{"key":"k","while":1}')),
    Case("while in capitals", 422, "invalid_value", "unique.while", unique('{"key":"k","while":"TTL"}')),
    Case(
        "on_conflict unknown", 422, "invalid_value", "unique.on_conflict",
        unique('{"key":"k","on_conflict":"ignore"}'),
    ),
    Case("ttl missing", 422, "missing_field", "unique.ttl", unique('{"key":"k","while":"ttl"}')),
    Case("ttl null", 422, "missing_field", "unique.ttl", unique('{"key":"k","while":"ttl","ttl":null}')),
    Case("ttl alone", 422, "conflicting_fields", "unique.ttl", unique('{"key":"k","ttl":1000}')),
    Case(
        "ttl while active", 422, "conflicting_fields", "unique.ttl",
        unique('{"key":"k","while":"active","ttl":1000}'),
    ),
    Case("ttl zero", 422, "out_of_range", "unique.ttl", unique('{"key":"k","while":"ttl","ttl":0}')),
    Case("ttl negative", 422, "out_of_range", "unique.ttl", unique('{"key":"k","while":"ttl","ttl":-1}')),
    Case(
        "ttl over ten years", 422, "out_of_range", "unique.ttl",
        unique('{"key":"k","while":"ttl","ttl":315360000001}'),
    ),
    Case("ttl huge", 422, "out_of_range", "unique.ttl", unique('{"key":"k","while":"ttl","ttl":1e400}')),
    Case("ttl text", 422, "invalid_type", "unique.ttl", unique('{"key":"k","while":"ttl","ttl":"10m"}')),
    Case("ttl NaN", 400, "invalid_json", None, unique('{"key":"k","while":"ttl","ttl":NaN}')),
]  # fmt: skip

PAYLOADS = [
    Case("payload an array", 422, "invalid_type", "payload", payload("[1]")),
    Case("payload text", 422, "invalid_type", "payload", payload('"{}"')),
    Case("payload a number", 422, "invalid_type", "payload", payload("0")),
    Case("NUL", 422, "nul_character", "payload", payload('{"a":"\\u0000"}')),
    Case("NUL in a key", 422, "nul_character", "payload", payload('{"\\u0000":1}')),
    Case("half a pair", 422, "invalid_unicode", "body", payload('{"a":"\\ude00"}')),
    Case("not UTF-8", 422, "invalid_unicode", "payload", payload('{"a":"').encode() + b'\xff"}}'),
    Case("overlong UTF-8", 422, "invalid_unicode", "payload", payload('{"a":"').encode() + b'\xc0\x80"}}'),
    Case("number too large", 422, "number_out_of_range", "payload", payload('{"a":1e999}')),
    Case("number of 400 digits", 422, "number_out_of_range", "payload", payload('{"a":%s}' % ("9" * 400))),
    Case("number of 5000 digits", 422, "number_out_of_range", "payload", payload('{"a":%s}' % ("9" * 5000))),
    Case("too deep", 422, "too_deep", "payload", payload(f'{{"a":{DEEP}}}')),
    Case("argument missing", 422, "invalid_payload", "payload.width", thumbnail('{"url":"x"}')),
    Case("all missing", 422, "invalid_payload", "payload.url", '{"name":"thumbnail"}'),
    Case("argument unknown", 422, "invalid_payload", "payload.widht", thumbnail('{"url":"x","widht":1}')),
    Case("argument of a wrong type", 422, "invalid_payload", "payload.url", thumbnail('{"url":1,"width":1}')),
    Case("argument too small", 422, "invalid_payload", "payload.width", thumbnail('{"url":"x","width":0}')),
    Case(
        "argument of neither type", 422, "invalid_payload", "payload.title",
        thumbnail('{"url":"x","width":1,"title":[]}'),
    ),
    Case(
        "nested value", 422, "invalid_payload", "payload.style.format",
        thumbnail('{"url":"x","width":1,"style":{"format":"gif"}}'),
    ),
    Case(
        "nested field", 422, "invalid_payload", "payload.style.fromat",
        thumbnail('{"url":"x","width":1,"style":{"fromat":"png"}}'),
    ),
    Case(
        "item", 422, "invalid_payload", "payload.tags[2]",
        thumbnail('{"url":"x","width":1,"tags":["a","b",3]}'),
    ),
]  # fmt: skip

REQUESTS = [
    Case("no content type", 415, "unsupported_media_type", "Content-Type", job('"delay":0'), headers={}),
    Case(
        "a form", 415, "unsupported_media_type", "Content-Type", "name=anything",
        headers={"content-type": "application/x-www-form-urlencoded"},
    ),
    Case(
        "plain text", 415, "unsupported_media_type", "Content-Type", job('"delay":0'),
        headers={"content-type": "text/plain"},
    ),
    Case(
        "another charset", 415, "unsupported_media_type", "Content-Type", job('"delay":0'),
        headers={"content-type": "application/json; charset=latin-1"},
    ),
    Case(
        "compressed", 415, "unsupported_media_type", "Content-Type", b"\x1f\x8b",
        headers={**JSON, "content-encoding": "gzip"},
    ),
    Case(
        "lines for one job", 415, "unsupported_media_type", "Content-Type", job('"delay":0'), headers=LINES
    ),
    Case("unknown parameter", 400, "unknown_parameter", "allow", job('"delay":0'), "/jobs?allow=1"),
    Case(
        "repeated parameter", 400, "repeated_parameter", "allow_unknown", job('"delay":0'),
        "/jobs?allow_unknown=true&allow_unknown=false",
    ),
    Case(
        "parameter without value", 400, "invalid_parameter", "allow_unknown", job('"delay":0'),
        "/jobs?allow_unknown",
    ),
    Case(
        "parameter misspelt", 400, "invalid_parameter", "allow_unknown", job('"delay":0'),
        "/jobs?allow_unknown=yes",
    ),
    Case(
        "a hundred parameters", 400, "invalid_parameter", None, job('"delay":0'), "/jobs?" + "a=1&" * 100
    ),
    Case("a trailing slash", 404, "unknown_path", None, job('"delay":0'), "/jobs/"),
    Case("another path", 404, "unknown_path", None, job('"delay":0'), "/job"),
    Case("a path with markup", 404, "unknown_path", None, b"", "/%3Cscript%3E"),
    Case("put", 405, "method_not_allowed", None, job('"delay":0'), method="PUT"),
    Case("patch a job", 405, "method_not_allowed", None, job('"delay":0'), "/jobs/1", method="PATCH"),
    Case("get bulk", 405, "method_not_allowed", None, b"", "/jobs/bulk", method="GET"),
]  # fmt: skip

LOOKUPS = [
    Case("id zero", 404, "not_found", "id", path="/jobs/0", method="GET"),
    Case("id negative", 404, "not_found", "id", path="/jobs/-1", method="GET"),
    Case("id beyond 64 bits", 404, "not_found", "id", path="/jobs/9223372036854775808", method="GET"),
    Case("id of 5000 digits", 404, "not_found", "id", path="/jobs/" + "9" * 5000, method="GET"),
    Case("id text", 404, "not_found", "id", path="/jobs/abc", method="GET"),
    Case("id with NUL", 404, "not_found", "id", path="/jobs/%00", method="GET"),
    Case("id in other digits", 404, "not_found", "id", path="/jobs/%D9%A1", method="GET"),
    Case("id squared", 404, "not_found", "id", path="/jobs/%C2%B2", method="GET"),
    Case("id not UTF-8", 404, "not_found", "id", path="/jobs/%FF", method="GET"),
    Case("limit zero", 400, "invalid_parameter", "limit", path="/jobs?limit=0", method="GET"),
    Case("limit over 500", 400, "invalid_parameter", "limit", path="/jobs?limit=501", method="GET"),
    Case("limit text", 400, "invalid_parameter", "limit", path="/jobs?limit=many", method="GET"),
    Case("limit empty", 400, "invalid_parameter", "limit", path="/jobs?limit=", method="GET"),
    Case("before zero", 400, "invalid_parameter", "before", path="/jobs?before=0", method="GET"),
    Case("before huge", 400, "invalid_parameter", "before", path=f"/jobs?before={2**63}", method="GET"),
    Case("status unknown", 400, "invalid_parameter", "status", path="/jobs?status=faild", method="GET"),
    Case("status null", 400, "invalid_parameter", "status", path="/jobs?status=null", method="GET"),
    Case("status empty", 400, "invalid_parameter", "status", path="/jobs?status=", method="GET"),
    Case("include unknown", 400, "invalid_parameter", "include", path="/jobs?include=logs", method="GET"),
    Case("queue with NUL", 422, "invalid_name", "queue", path="/jobs?queue=%00", method="GET"),
    Case("name with NUL", 422, "invalid_name", "name", path="/jobs?name=%00", method="GET"),
    Case("filter misspelt", 400, "unknown_parameter", "stauts", path="/jobs?stauts=failed", method="GET"),
    Case("filter twice", 400, "repeated_parameter", "limit", path="/jobs?limit=1&limit=2", method="GET"),
    Case("a filter where there is none", 400, "unknown_parameter", "a", path="/queues?a=1", method="GET"),
    Case("a file outside", 404, "unknown_path", None, path="/docs/..%2Fapp.py", method="GET"),
]


@pytest.mark.parametrize(
    "case", [*BODIES, *FIELDS, *KEYS, *PAYLOADS, *REQUESTS, *LOOKUPS], ids=lambda case: case.name
)
async def test_is_refused_with_its_own_code_and_stores_nothing(
    case: Case, client: httpx.AsyncClient, memory: Memory, errors: list[Exception]
) -> None:
    response = await client.request(case.method, case.path, content=case.content, headers=case.headers)

    problem = response.json()
    assert (response.status_code, problem["code"], problem.get("field")) == (
        case.status,
        case.code,
        case.field,
    )
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == case.status == PROBLEMS[case.code].status
    assert problem["type"] == f"/docs#{case.code}"
    assert problem["detail"].endswith((".", "?"))
    assert "Traceback" not in response.text
    assert len(response.content) < 2000
    assert memory.jobs == []
    assert errors == []


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"name":"thumbnial"}', "Did you mean 'thumbnail'?"),
        (b'{"nmae":"anything"}', "Did you mean 'name'?"),
        (job('"runAt":0'), "Did you mean 'run_at'?"),
        (job('"data":{}'), "Did you mean 'payload'?"),
        (thumbnail('{"url":"x","widht":1}'), "Did you mean 'width'?"),
        (thumbnail("{}"), "The arguments are: url, width, title, style, tags."),
        (job('"run_at":1990000000'), "Give milliseconds: 1990000000000."),
        (job('"priority":"high"'), "0: none"),
        (payload('{"a":NaN}'), "Send null, or a string."),
        (job('"idempotency_key":"a b"'), "1 to 255 printable characters without spaces"),
        (unique('"k"'), '{"key": "report-7"}'),
        (unique('{"key":"k","while":"running"}'), "`queued`: while it waits for a worker"),
        (unique('{"key":"k","on_conflict":"ignore"}'), "`reject`"),
        (unique('{"key":"k","whiel":"ttl"}'), "Did you mean 'while'?"),
        (unique('{"key":"k","while":"ttl"}'), '"ttl": 600000'),
        (unique('{"key":"k","ttl":1}'), 'Add "while": "ttl"'),
        (unique('{"key":"k","while":"ttl","ttl":0}'), "With while `ttl` only: milliseconds"),
    ],
)
async def test_says_what_to_do(client: httpx.AsyncClient, body: bytes | str, hint: str) -> None:
    response = await client.post("/jobs", content=body, headers=JSON)

    assert hint.lower() in response.json()["hint"].lower()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (thumbnail('{"url":1,"width":1}'), "payload.url must be a string, not a number (job 'thumbnail')."),
        (
            thumbnail('{"url":"x","width":1,"title":[]}'),
            "payload.title must be a string or null, not an array (job 'thumbnail').",
        ),
        (job('"priority":"high"'), "priority must be an integer or null, not a string."),
        (job('"attempts":0'), "attempts must be at least 1."),
        (
            payload('{"a":\n  oops}'),
            "The body is not valid JSON: invalid character at line 2, column 3.",
        ),
        (b"[]", "The body must be an object, not an array."),
    ],
)
async def test_says_what_is_wrong(client: httpx.AsyncClient, body: bytes | str, detail: str) -> None:
    response = await client.post("/jobs", content=body, headers=JSON)

    assert response.json()["detail"] == detail


async def test_options_and_405_say_what_is_allowed(client: httpx.AsyncClient) -> None:
    options = await client.options("/jobs")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")

    refused = await client.delete("/jobs/1")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")

    head = await client.head("/queues")
    assert head.status_code == 200

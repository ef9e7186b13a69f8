"""Examples as the documentation page shows them: coloured JSON, and requests as curl commands."""

import re
from typing import Any

import msgspec

from toril.api.markup import Markup, join, tag

BASE_URL = "http://localhost:8000"
"""Replaced by the real one in the browser."""

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d[\d.eE+-]*)')


def json_sample(value: object) -> Markup:
    """Return a JSON value, indented and coloured."""
    return _sample(coloured(_indented(value)))


def text_sample(text: str) -> Markup:
    """Return text as it is."""
    return _sample(join(text))


def curl_sample(method: str, path: str, body: tuple[str, object] | None) -> Markup:
    """Return a request as a curl command.

    Args:
        method: HTTP method.
        path: with example values in place of parameters.
        body: content type and example, or None.
    """
    url = f"{BASE_URL}{path}"
    if body is None:
        return _sample(join("curl ", tag("span", url, class_="url")))
    content_type, value = body
    return _sample(
        join(
            "curl ",
            "" if method == "POST" else f"-X {method} ",
            tag("span", url, class_="url"),
            f" \\\n  -H 'Content-Type: {content_type}' \\\n  ",
            *_data(value),
        )
    )


def coloured(text: str) -> Markup:
    """Return JSON text with its keys, strings, numbers and constants marked."""
    parts: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[end : match.start()])
        string, colon, constant, number = match.groups()
        if string:
            parts += [tag("span", string, class_="k" if colon else "s"), colon or ""]
        else:
            parts.append(tag("span", constant or number, class_="n"))
        end = match.end()
    return join(*parts, text[end:])


def _data(value: Any) -> list[str]:
    if isinstance(value, str):
        return ["--data-binary @- <<'END'\n", coloured(value), "END"]
    return ["-d '", coloured(_indented(value)), "'"]


def _indented(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _sample(code: Markup) -> Markup:
    return tag("div", tag("pre", tag("code", code), tabindex="0"), class_="sample")

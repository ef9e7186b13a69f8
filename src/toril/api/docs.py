"""The documentation: the OpenAPI document, and a page made from it that loads nothing from elsewhere."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from toril.api.answers import answer
from toril.api.docs_page import render
from toril.api.openapi import Document
from toril.api.problems import problem_response
from toril.operations.decoding import shortened

_STATIC = Path(__file__).parent / "static"
_FILES = {"docs.css": "text/css", "docs.js": "text/javascript"}

_POLICY = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
}


def build_docs(document: Document) -> "Docs":
    """Return the documentation of the API that this OpenAPI document describes."""
    return Docs(
        openapi=msgspec.json.format(msgspec.json.encode(document), indent=2),
        page=render(document).encode(),
        files={name: (_STATIC / name).read_bytes() for name in _FILES},
    )


class Docs:
    """Serves the documentation.

    Args:
        openapi: the OpenAPI document.
        page: the page for people.
        files: the page's own files by name.
    """

    def __init__(self, *, openapi: bytes, page: bytes, files: Mapping[str, bytes]) -> None:
        self._openapi = openapi
        self._page = page
        self._files = files

    async def openapi(self, _request: Request) -> Response:
        """Answer with the OpenAPI document."""
        return answer(self._openapi)

    async def page(self, _request: Request) -> Response:
        """Answer with the page."""
        return answer(self._page, media_type="text/html", headers=_POLICY)

    async def file(self, request: Request) -> Response:
        """Answer with one of the page's own files."""
        name: str = request.path_params["file"]
        if name not in self._files:
            return problem_response("unknown_path", f"There is no file {shortened(name)!r}.")
        return answer(self._files[name], media_type=_FILES[name], headers=_POLICY)

    async def home(self, _request: Request) -> Response:
        """Lead to the page; relative, so that it works behind a prefix as well."""
        return answer(b"", status=302, headers={"location": "docs"})

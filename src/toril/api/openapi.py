"""The OpenAPI 3.1 document, made from the route table, the structures and the table of problems. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from toril.api.guides import GUIDES, markdown
from toril.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from toril.api.route import Answer, Content, Route

API_VERSION = "1"

_REF = "#/components/schemas/{name}"

_EVERYWHERE = ("method_not_allowed", "internal")

_TITLE = "Toril"

_DESCRIPTION = (
    "Submit background jobs, and look at what became of them. Times are ISO 8601 in UTC, durations are "
    "milliseconds. Errors are RFC 9457 problem documents with a stable `code`; they say which field is wrong "
    "and what to do."
)

Document = dict[str, Any]


def openapi_document(routes: Sequence[Route[Any]]) -> Document:
    """Return the document as plain data."""
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": API_VERSION, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [_tag(name) for name in dict.fromkeys(route.tag for route in routes)],
        "paths": _paths(routes),
        "components": {"schemas": _components(routes)},
    }


def _tag(name: str) -> Document:
    told = [markdown(guide) for guide in GUIDES if guide.tag == name]
    return {"name": name, "description": "\n\n".join(told)} if told else {"name": name}


def _paths(routes: Iterable[Route[Any]]) -> dict[str, Document]:
    paths: dict[str, Document] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route)
    return dict(paths)


def _operation(route: Route[Any]) -> Document:
    operation: Document = {
        "operationId": _operation_id(route),
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "x-permission": route.permission,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
    }
    if route.body:
        operation["requestBody"] = {"required": True, "content": _contents(route.body)}
    operation["responses"] = {
        **{str(answer.status): _answer(answer) for answer in route.answers},
        **_problem_answers(route),
    }
    return operation


def _operation_id(route: Route[Any]) -> str:
    words = re.findall(r"\w+", route.path) or ["home"]
    return "_".join([route.method.lower(), *words])


def _path_parameters(route: Route[Any]) -> list[Document]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "integer", "minimum": 1} if name == "id" else {"type": "string"},
        }
        for name, description in route.path_parameters.items()
    ]


def _query_parameters(route: Route[Any]) -> list[Document]:
    schema = _properties(route.query)
    parameters = []
    for name, property_schema in schema.items():
        description = property_schema.pop("description", "")
        parameters.append(
            {"name": name, "in": "query", "description": description, "schema": property_schema}
        )
    return parameters


def _header_parameters(route: Route[Any]) -> list[Document]:
    return [
        {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
        for name, description in route.headers.items()
    ]


def _properties(record: type[Struct]) -> dict[str, Document]:
    """Return the schemas of a flat structure's fields, with nothing left to refer to."""
    _, components = msgspec.json.schema_components([record], ref_template=_REF)
    properties: dict[str, Document] = components[record.__name__]["properties"]
    for name, schema in properties.items():
        reference = schema.pop("$ref", None)
        if reference is not None:
            target = components[reference.rpartition("/")[2]]
            properties[name] = {"enum": target["enum"], **schema}
    return properties


def _contents(contents: Iterable[Content]) -> Document:
    return {content.media_type: _content(content) for content in contents}


def _content(content: Content) -> Document:
    media: Document = {}
    if content.type is not None:
        (media["schema"],), _ = msgspec.json.schema_components([content.type], ref_template=_REF)
    elif content.media_type != "application/json":
        media["schema"] = {"type": "string"}
    if content.examples:
        media["examples"] = {
            title: {"summary": title, "value": value} for title, value in content.examples.items()
        }
    return media


def _answer(answer: Answer) -> Document:
    shown: Document = {"description": answer.description}
    if answer.headers:
        shown["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in answer.headers.items()
        }
    if answer.content is not None:
        shown["content"] = _contents([answer.content])
    return shown


def _problem_answers(route: Route[Any]) -> Document:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in (*route.problems, *_EVERYWHERE):
        by_status[PROBLEMS[code].status].append(code)
    return {str(status): _problems(status, by_status[status]) for status in sorted(by_status)}


def _problems(status: int, codes: list[str]) -> Document:
    examples = {code: {"summary": code, "value": _example_problem(code)} for code in codes}
    shown: Document = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        "x-problem-codes": codes,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        shown["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return shown


def _example_problem(code: str) -> Document:
    kind = PROBLEMS[code]
    other_job = {"job_id": 1} if kind.status == HTTPStatus.CONFLICT else {}
    return {
        "type": f"/docs#{code}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": kind.meaning,
        **other_job,
    }


def _components(routes: Iterable[Route[Any]]) -> Document:
    types: list[object] = [Problem]
    for route in routes:
        contents = [*route.body, *(answer.content for answer in route.answers if answer.content)]
        types += [content.type for content in contents if content.type is not None]
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    components["Problem"]["properties"]["code"]["enum"] = list(PROBLEMS)
    return components

"""The documentation page, made from the OpenAPI document: a section a route, then structures and problems."""

from collections.abc import Iterator
from typing import Any

from toril.api.docs_samples import curl_sample, json_sample, text_sample
from toril.api.docs_types import fields_table, parameters_table, type_words
from toril.api.guides import GUIDES, Guide
from toril.api.markup import Markup, join, prose, tag
from toril.api.openapi import Document
from toril.api.problems import MEDIA_TYPE, PROBLEMS

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M2 2h2v12H2zm5 0h2v12H7zm5 0h2v12h-2zM1 5h14v2H1zm0 5h14v2H1z' fill='%23b4442c'/%3E%3C/svg%3E"
)


def render(document: Document) -> str:
    """Return the page."""
    info = document["info"]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{info['title']} HTTP API"),
        tag("link", rel="icon", href=_ICON),
        tag("link", rel="stylesheet", href="docs/docs.css"),
        tag("script", src="docs/docs.js", defer=True),
    )
    body = tag("body", _header(info), tag("div", _navigation(document), _main(document), class_="columns"))
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _header(info: Document) -> Markup:
    return tag(
        "header",
        tag("a", "Skip to the contents", class_="skip", href="#main"),
        tag("a", tag("span", class_="mark", aria_hidden="true"), info["title"], class_="name", href="#main"),
        tag("span", f"HTTP API, version {info['version']}", class_="version"),
        tag("a", "OpenAPI", class_="download", href="openapi.json"),
        tag("button", "Theme", type="button", id="theme", hidden=True),
    )


def _navigation(document: Document) -> Markup:
    groups = []
    for group in document["tags"]:
        links = [
            tag("li", tag("a", _method(method), f" {path}", href=f"#{operation['operationId']}"))
            for method, path, operation in _operations(document)
            if group["name"] in operation["tags"]
        ]
        groups.append(join(tag("h2", group["name"]), tag("ul", *links)))
    names = [*(guide.title for guide in GUIDES), "Structures", "Problems"]
    more = tag("ul", *(tag("li", tag("a", name, href=f"#{name.lower()}")) for name in names))
    return tag("nav", *groups, tag("h2", "Reference"), more, aria_label="Routes")


def _main(document: Document) -> Markup:
    schemas = document["components"]["schemas"]
    return tag(
        "main",
        tag("h1", f"{document['info']['title']} HTTP API"),
        tag("p", prose(document["info"]["description"]), class_="lead"),
        *(_section(method, path, operation, schemas) for method, path, operation in _operations(document)),
        *map(_guide, GUIDES),
        _structures(schemas),
        _problems(),
        id="main",
    )


def _section(method: str, path: str, operation: Document, schemas: Document) -> Markup:
    return tag(
        "section",
        tag(
            "div",
            tag("h2", operation["summary"]),
            tag("p", _method(method), tag("code", path), _permission(operation), class_="route"),
            tag("p", prose(operation["description"])),
            *_inputs(operation, schemas),
            *_answers(operation),
            *_problem_links(operation),
            class_="about",
        ),
        tag("div", *_samples(method, path, operation), class_="samples"),
        id=operation["operationId"],
        class_="operation",
    )


def _method(method: str) -> Markup:
    return tag("span", method, class_=f"method {method.lower()}")


def _permission(operation: Document) -> Markup:
    permission = operation["x-permission"]
    meaning = "For everybody" if permission == "public" else "The permission it needs"
    return tag("span", permission, class_="permission", title=meaning)


def _inputs(operation: Document, schemas: Document) -> Iterator[Markup]:
    if operation["parameters"]:
        yield tag("h3", "Parameters")
        yield parameters_table(operation["parameters"])
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield tag("h3", "Body ", tag("small", media_type))
        reference = content["schema"].get("$ref")
        if reference:
            yield fields_table(schemas[reference.rpartition("/")[2]])
        else:
            yield tag("p", *_body_words(content["schema"]))


def _body_words(schema: Document) -> list[str]:
    if schema.get("type") == "array":
        return ["An ", type_words(schema), "."]
    return ["One JSON document a line."]


def _answers(operation: Document) -> Iterator[Markup]:
    yield tag("h3", "Answers")
    rows = []
    for status, answer in operation["responses"].items():
        if "x-problem-codes" not in answer:
            rows += [
                tag("dt", tag("code", status)),
                tag("dd", prose(answer["description"]), *_details(answer)),
            ]
    yield tag("dl", *rows)


def _details(answer: Document) -> Iterator[str]:
    for content in answer.get("content", {}).values():
        if "$ref" in content.get("schema", {}):
            yield from (" ", type_words(content["schema"]), ".")
    for name, header in answer.get("headers", {}).items():
        yield join(" Header ", tag("code", name), f": {header['description']}")


def _problem_links(operation: Document) -> Iterator[Markup]:
    codes = [code for answer in operation["responses"].values() for code in answer.get("x-problem-codes", ())]
    links = [tag("li", tag("a", code, href=f"#{code}")) for code in codes]
    yield tag("details", tag("summary", f"{len(codes)} problems it may answer with"), tag("ul", *links))


def _samples(method: str, path: str, operation: Document) -> Iterator[Markup]:
    example_path = path.replace("{id}", "1").replace("{file}", "docs.css")
    contents = operation.get("requestBody", {}).get("content", {})
    requests = [
        (example["summary"], curl_sample(method, example_path, (media_type, example["value"])))
        for media_type, content in contents.items()
        for example in content.get("examples", {}).values()
    ]
    yield from _foldable(requests or [("Request", curl_sample(method, example_path, None))])
    yield from _foldable(
        [
            (f"{status} {example['summary']}", _answer_sample(example["value"]))
            for status, answer in operation["responses"].items()
            for media_type, content in answer.get("content", {}).items()
            if media_type != MEDIA_TYPE
            for example in content.get("examples", {}).values()
        ]
    )


def _answer_sample(value: Any) -> Markup:
    return text_sample(value) if isinstance(value, str) else json_sample(value)


def _foldable(samples: list[tuple[str, Markup]]) -> Iterator[Markup]:
    """Yield samples, of which only the first is open."""
    for index, (title, sample) in enumerate(samples):
        yield tag("details", tag("summary", title), sample, open=index == 0)


def _guide(guide: Guide) -> Markup:
    terms = (
        join(tag("dt", tag("code", term)), tag("dd", prose(meaning))) for term, meaning in guide.terms.items()
    )
    return tag(
        "section",
        tag("h2", guide.title),
        *(tag("p", prose(text)) for text in guide.paragraphs),
        tag("dl", *terms),
        id=guide.title.lower(),
        class_="reference",
    )


def _structures(schemas: Document) -> Markup:
    shown = [
        tag(
            "section",
            tag("h3", name),
            tag("p", prose(schema.get("description", ""))),
            fields_table(schema) if "properties" in schema else tag("p", ", ".join(map(str, schema["enum"]))),
            id=f"type-{name}",
        )
        for name, schema in schemas.items()
    ]
    return tag("section", tag("h2", "Structures"), *shown, id="structures", class_="reference")


def _problems() -> Markup:
    rows = [
        tag(
            "tr",
            tag("th", tag("code", code), scope="row"),
            tag("td", str(kind.status)),
            tag("td", tag("strong", f"{kind.title}. "), prose(kind.meaning)),
            id=code,
        )
        for code, kind in PROBLEMS.items()
    ]
    head = tag(
        "thead", tag("tr", *(tag("th", title, scope="col") for title in ("Code", "Status", "Meaning")))
    )
    return tag(
        "section",
        tag("h2", "Problems"),
        tag(
            "p", prose("Errors are `application/problem+json` (RFC 9457). A code never changes its meaning.")
        ),
        tag("div", tag("table", head, tag("tbody", *rows)), class_="table", tabindex="0"),
        json_sample(_EXAMPLE_PROBLEM),
        id="problems",
        class_="reference",
    )


_EXAMPLE_PROBLEM = {
    "type": "/docs#invalid_payload",
    "title": PROBLEMS["invalid_payload"].title,
    "status": 422,
    "code": "invalid_payload",
    "detail": "payload.widht is unknown (job 'thumbnail').",
    "field": "payload.widht",
    "hint": "Did you mean 'width'?",
}

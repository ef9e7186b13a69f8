import re
from html.parser import HTMLParser

import httpx

from toril.api.guides import GUIDES
from toril.api.markup import prose, tag
from toril.api.problems import PROBLEMS
from toril.api.routes import ROUTES


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"] or "")
        self.links += [attributes[key] or "" for key in ("href", "src") if key in attributes]
        self.inline += [name for name in attributes if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in attributes):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


async def _page(client: httpx.AsyncClient) -> _Page:
    page = _Page()
    page.feed((await client.get("/docs")).text)
    return page


async def test_it_loads_nothing_from_elsewhere_and_its_policy_says_so(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    page = await _page(client)
    assert page.inline == []
    for link in page.links:
        assert link.startswith(("#", "docs/", "openapi.json", "data:image/svg+xml,")), link


async def test_its_files_are_there(client: httpx.AsyncClient) -> None:
    page = await _page(client)
    for link in page.links:
        if link.startswith("docs/"):
            response = await client.get(f"/{link}")
            assert response.status_code == 200
            assert response.headers["content-type"].startswith(("text/css", "text/javascript"))
            assert "http://" not in response.text.replace("http://localhost:8000", "")
            assert "https://" not in response.text


async def test_its_links_lead_somewhere(client: httpx.AsyncClient) -> None:
    page = await _page(client)

    targets = {link[1:] for link in page.links if link.startswith("#")}
    assert targets <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


async def test_every_route_and_every_problem_has_its_place(client: httpx.AsyncClient) -> None:
    page = await _page(client)

    for route in ROUTES:
        assert route.summary in page.text
        assert route.path in page.text
    assert set(PROBLEMS) <= set(page.ids)
    for guide in GUIDES:
        assert guide.title.lower() in page.ids
        assert all(term in page.text for term in guide.terms)


async def test_the_type_of_a_problem_leads_to_its_place(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/jobs/0")).json()
    path, _, anchor = problem["type"].partition("#")

    assert path == "/docs"
    assert anchor in (await _page(client)).ids


async def test_the_home_page_leads_there(client: httpx.AsyncClient) -> None:
    response = await client.get("/")

    assert (response.status_code, response.headers["location"]) == (302, "docs")


async def test_curl_commands_can_be_pasted(client: httpx.AsyncClient) -> None:
    page = await _page(client)

    addresses = re.findall(r"curl (http://[^\s{]+)", page.text)
    assert len(addresses) > len(ROUTES)
    assert "http://localhost:8000/jobs/1" in "".join(addresses)


def test_markup_escapes_what_is_not_markup() -> None:
    assert tag("a", "<b>", tag("br"), href='"x"', hidden=True, open=False) == (
        '<a href="&quot;x&quot;" hidden>&lt;b&gt;<br></a>'
    )
    assert prose("a `<b>` c") == "a <code>&lt;b&gt;</code> c"

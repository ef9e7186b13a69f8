"""The documents say what the code says: generated pages are current, links lead somewhere, commands exist."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from toril.api.guides import KEYS
from toril.api.routes import ROUTES
from toril.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", ["lifecycle.md", "metrics.md", "settings.md"])
def test_generated_pages_are_current(page: str) -> None:
    documents: dict[str, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["documents"]()
    assert (ROOT / "docs" / page).read_text() == documents[page], "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for path in re.findall(r"`((?:src|tests|docs|bench|bin|examples)/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = get_command(app)
    for command in getattr(commands, "commands", {}):
        assert f"`toril {command}" in readme, command


def test_the_http_page_names_every_path() -> None:
    page = (ROOT / "docs" / "http_api.md").read_text()
    for route in ROUTES:
        if route.tag != "Documentation":
            assert f"`{route.method} {route.path}`" in page, route.path


def test_the_http_page_explains_every_word_about_keys() -> None:
    page = (ROOT / "docs" / "http_api.md").read_text()
    for term in KEYS.terms:
        assert f"`{term}`" in page, term


def test_the_layers_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    checked = [line.replace("toril.", "") for line in contracts[0]["layers"]]
    page = (ROOT / "ARCHITECTURE.md").read_text()
    told = re.findall(r"^([a-z]+(?: \| [a-z]+)*)  +\S", page, re.MULTILINE)
    assert told == checked

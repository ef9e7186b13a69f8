"""What the source tree promises: sizes, names, headers, one statement or script per file, documentation."""

import ast
import re
from pathlib import Path

import pytest

from toril.domain import events
from toril.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "toril"
MODULES = sorted(SOURCE.rglob("*.py"))
STATEMENTS = sorted((SOURCE / "store" / "sql").rglob("*.sql"))
SCRIPTS = sorted((SOURCE / "broker" / "lua").glob("*.lua"))
SAY_NOTHING = {"utils", "helpers", "common", "core", "manager", "misc"}


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_small_and_open_with_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.stem not in SAY_NOTHING
    assert text.count("\n") <= 330, "does it do two jobs?"
    assert ast.get_docstring(ast.parse(text)), "a header says what the module does"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node) or ""
            lines = (node.end_lineno or node.lineno) - node.lineno - docstring.count("\n")
            assert lines <= 60, f"{node.name} is {lines} lines long"


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_statement_has_a_header_a_caller_and_its_parameters_explained(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = re.match(r"(?:--.*\n)+", text)
    assert header, "a header says what it does, its inputs and outputs"
    body = text[header.end() :]
    for parameter in set(re.findall(r"\$\d+", body)):
        assert parameter in header.group() or "parallel arrays" in header.group(), parameter
    callers = [module for module in MODULES if f'"{path.stem}"' in module.read_text(encoding="utf-8")]
    assert callers, "nobody runs it"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_explains_its_keys_arguments_and_answer(path: Path) -> None:
    header = re.match(r"(?:--.*\n)+", path.read_text(encoding="utf-8"))
    assert header
    assert "KEYS" in header.group()
    assert "Returns" in header.group()


def test_no_statement_is_put_together_from_strings() -> None:
    suspicious = re.compile(r"""f["'].*\b(select|insert into|update|delete from)\b""", re.IGNORECASE)
    for path in MODULES:
        if "store" not in path.parts:
            continue  # nobody else has the driver
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not suspicious.search(line), f"{name(path)}: {line.strip()}"


def test_every_setting_is_documented_where_people_look() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for field in Settings.__struct_fields__:
        assert f"TORIL_{field.upper()}" in page, field


def test_every_event_is_said_somewhere() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in MODULES if path.name != "events.py")
    for kind in events.TelemetryEvent.__args__:
        assert f"{kind.__name__}(" in said, kind


def test_the_repository_speaks_of_the_project_alone() -> None:
    hosts = re.compile(r"\b(pypi|pythonhosted|npmjs|yarnpkg)\.(org|com)\b")
    for path in (ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "README.md"):
        assert not hosts.search(path.read_text(encoding="utf-8")), path

"""sdk/loading.py: finding an application by its address."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toril import SettingsError, Toril
from toril.sdk.loading import load_app

MODULE = """
from toril import Toril
app = Toril()
number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    (tmp_path / "shop_jobs.py").write_text(MODULE)
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def refused(address: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_app(address, Toril)
    assert caught.value.hint
    return caught.value


def test_an_application_is_found_in_the_working_directory(here: Path) -> None:
    assert isinstance(load_app("shop_jobs:app", Toril), Toril)


@pytest.mark.parametrize("address", ["", "shop_jobs", ":app", "shop_jobs:"])
def test_an_address_has_two_parts(here: Path, address: str) -> None:
    assert "is not the address of an application" in refused(address).message


def test_a_missing_module_is_named_with_where_it_was_looked_for(here: Path) -> None:
    error = refused("shop_jbos:app")
    assert "there is no module 'shop_jbos'" in error.message
    assert str(here) in error.message
    assert "there is no module 'shop_jobs.tasks'" in refused("shop_jobs.tasks:app").message


def test_a_missing_import_of_the_module_is_told_from_a_missing_module(here: Path) -> None:
    (here / "broken_import.py").write_text("import not_installed_anywhere")
    assert (
        refused("broken_import:app").message
        == "importing 'broken_import' failed: ModuleNotFoundError: No module named 'not_installed_anywhere'"
    )


@pytest.mark.parametrize(
    ("source", "last_line"), [("1/0", "ZeroDivisionError: division by zero"), ("def", "SyntaxError: ")]
)
def test_an_import_that_fails_is_shown_by_its_last_line_and_chained(
    here: Path, source: str, last_line: str
) -> None:
    (here / "broken.py").write_text(source)
    error = refused("broken:app")
    assert f"importing 'broken' failed: {last_line}" in error.message
    assert isinstance(error.__cause__, ZeroDivisionError | SyntaxError)


def test_a_missing_attribute_is_answered_with_the_nearest(here: Path) -> None:
    error = refused("shop_jobs:ap")
    assert "module 'shop_jobs' has no 'ap'" in error.message
    assert error.hint == "did you mean 'app'?"


def test_something_else_than_an_application_is_refused(here: Path) -> None:
    assert "shop_jobs:number is of type int, not Toril" in refused("shop_jobs:number").message

"""Finds an application by its address, `module:attribute`, as given to the command line.

Every way this can go wrong ends in one `SettingsError` that says which part of the address is at fault.
"""

import sys
from importlib import import_module
from pathlib import Path
from traceback import format_exception_only
from types import ModuleType
from typing import TypeVar

from toril.domain.errors import SettingsError
from toril.domain.names import suggest

T = TypeVar("T")

SETTING = "TORIL_APP"


def load_app(address: str, kind: type[T]) -> T:
    """Import the module of `address` and return its application.

    The working directory is importable, as with `python -m`.

    Args:
        address: `module:attribute`, such as `shop.jobs:app`.
        kind: what the attribute has to be an instance of: `Toril`.

    Raises:
        SettingsError: naming what is wrong: the address, the module, the import of it, or the attribute.
    """
    module_name, colon, attribute = address.partition(":")
    if not (colon and module_name and attribute):
        raise SettingsError(
            f"{address!r} is not the address of an application",
            field=SETTING,
            hint="write it as module:attribute, such as shop.jobs:app",
        )
    return _find(_import(module_name), attribute, kind)


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise SettingsError(
                f"there is no module {error.name!r} (looked in {here} and the installed packages)",
                field=SETTING,
                hint="start in the directory that contains it, or install it",
            ) from error
        raise _import_failed(name, error) from error
    except Exception as error:  # the user's module may raise anything
        raise _import_failed(name, error) from error


def _import_failed(name: str, error: Exception) -> SettingsError:
    last_line = format_exception_only(error)[-1].strip()
    return SettingsError(
        f"importing {name!r} failed: {last_line}",
        field=SETTING,
        hint=f'run `python -c "import {name}"` for the whole traceback',
    )


def _find(module: ModuleType, attribute: str, kind: type[T]) -> T:
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise SettingsError(
            f"module {module.__name__!r} has no {attribute!r}",
            field=SETTING,
            hint=suggest(attribute, vars(module)) or f"define it there: {attribute} = {kind.__name__}()",
        ) from error
    if not isinstance(found, kind):
        raise SettingsError(
            f"{module.__name__}:{attribute} is of type {type(found).__name__}, not {kind.__name__}",
            field=SETTING,
            hint=f"name a {kind.__name__} object",
        )
    return found

"""Builds HTML out of nested calls; what isn't markup already is escaped."""

import re
from html import escape

_VOID = {"meta", "link", "br"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(element: str, /, *children: str, **attributes: str | bool) -> Markup:
    """Return an element.

    Args:
        element: its name.
        children: markup, or text to escape.
        attributes: by name, with `_` for `-` and `class_` for `class`; True stands alone, False is left out.
    """
    start = element + "".join(map(_attribute, attributes.items()))
    return Markup(f"<{start}>" if element in _VOID else f"<{start}>{join(*children)}</{element}>")


def join(*children: str) -> Markup:
    """Return markup and text, one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def prose(text: str) -> Markup:
    """Return text in which `backquotes` mark code."""
    parts = re.split(r"`([^`]*)`", text)
    return join(*(tag("code", part) if index % 2 else part for index, part in enumerate(parts)))


def _attribute(attribute: tuple[str, str | bool]) -> str:
    key, value = attribute
    name = key.rstrip("_").replace("_", "-")
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'

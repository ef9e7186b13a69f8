"""Everything the command line prints goes through here.

What jobs carry was written by strangers: names, payloads and error messages are never read as markup, and
control characters in them (which could recolour, erase or rewrite a terminal) are shown as `\\u001b`. On a
terminal tables fit its width; into a pipe or a file nothing is cut off or coloured.
"""

import sys
import unicodedata
from contextlib import AbstractContextManager, nullcontext
from io import TextIOWrapper

import msgspec
from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from toril.domain.errors import InvalidInput, SettingsError, TorilError

FAILED, MISUSED = 1, 2

_UNBOUNDED = 100_000
"""Columns, where nobody's eyes set a limit."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def console(*, stderr: bool = False) -> Console:
    """Return a console for plain text: no markup, no emoji codes, nothing highlighted by guessing."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNBOUNDED
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def say(text: str | Text) -> None:
    """Print a sentence as the command's answer."""
    console().print(text, soft_wrap=True)


def note(text: str | Text, *, style: str = "dim") -> None:
    """Print a remark that isn't part of the answer, so that what is piped stays clean."""
    console(stderr=True).print(text, style=style, soft_wrap=True)


def show(*parts: RenderableType) -> None:
    """Print tables and sections."""
    console().print(*parts)


def print_json(value: object) -> None:
    """Print a value as JSON text; any `Raw` in it as it is stored."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(f"{visible(text)}\n")


def report(error: TorilError) -> int:
    """Print an error and what to do about it; return the exit status."""
    line = Text.assemble(("error: ", "bold red"), one_line(error.message))
    console(stderr=True).print(line, soft_wrap=True)
    if error.hint:
        note(f"hint: {one_line(error.hint)}", style="")
    return MISUSED if isinstance(error, SettingsError | InvalidInput) else FAILED


def busy(text: str) -> AbstractContextManager[object]:
    """Show that something is under way, where somebody is looking."""
    return console(stderr=True).status(text) if sys.stderr.isatty() else nullcontext()


def table(*columns: str) -> Table:
    """Return an empty table: ruled on a terminal, bare columns in a pipe."""
    if sys.stdout.isatty():
        return Table(*columns, box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def section(title: str, body: RenderableType) -> RenderableType:
    """Return a titled part of a page."""
    if sys.stdout.isatty():
        return Panel(body, title=Text(title, "bold"), title_align="left", box=ROUNDED, border_style="dim")
    return Group(Text(f"{title}:"), body, Text(""))


def visible(text: str) -> str:
    """Return text in which invisible characters but newline and tab are JSON escapes."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def one_line(text: str, limit: int | None = None) -> str:
    """Return text on one line, at most `limit` characters of it."""
    if limit is not None and len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return visible(" ".join(text.split()))


def tolerate_any_encoding() -> None:
    """Let characters that the terminal's encoding lacks be printed as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))

"""What is printed can't act on a terminal, is not markup, and is not cut off in a pipe."""

import json

import pytest
from rich.text import Text

from toril.cli import output
from toril.domain.errors import InvalidInput, NotFound, SettingsError, TorilError, Unavailable

HOSTILE = "a\x1b[31mred\x1b[0m\x07\r\x9b2J\u202eevil\x7f"


def test_control_characters_become_escapes() -> None:
    shown = output.visible(HOSTILE)
    assert shown == r"a\u001b[31mred\u001b[0m\u0007\u000d\u009b2J\u202eevil\u007f"


def test_text_in_any_language_stays_as_it_is() -> None:
    text = "naïve 日本語 🎉 12\u00a0000 €\n\tindented"
    assert output.visible(text) == text


def test_an_invisible_character_beyond_the_first_plane_becomes_two_json_escapes() -> None:
    escaped = output.visible("\U000e0041")
    assert json.loads(f'"{escaped}"') == "\U000e0041"


def test_one_line_is_one_line_of_bounded_length() -> None:
    assert output.one_line("a\nb\t c") == "a b c"
    assert output.one_line("x" * 5_000_000, 10) == "xxxxxxxxx…"


def test_names_are_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    rows = output.table("name")
    rows.add_row("[red]job[/red] :bomb:")
    output.show(rows)
    output.say("[bold]x[/bold]")
    printed = capsys.readouterr().out
    assert "[red]job[/red] :bomb:" in printed
    assert "[bold]x[/bold]" in printed


def test_nothing_is_cut_off_or_coloured_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    rows = output.table("id", "note")
    rows.add_row("1", Text("word " * 200, "red"))
    output.show(rows)
    printed = capsys.readouterr().out
    assert ("word " * 200).strip() in printed
    assert "\x1b" not in printed


def test_json_is_json_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"message": HOSTILE, "text": "日本語"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"message": HOSTILE, "text": "日本語"}
    assert not set(printed) & set("\x1b\x07\r\x9b\x7f\u202e")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("No.", hint="Do this."), 2),
        (InvalidInput("No.", hint="Do this."), 2),
        (NotFound("No.", hint="Do this."), 1),
        (Unavailable("No.", hint="Do this."), 1),
        (TorilError("No.", hint="Do this."), 1),
    ],
)
def test_an_error_is_told_with_its_remedy(
    error: TorilError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.report(error) == status
    printed = capsys.readouterr()
    assert printed.err == "error: No.\nhint: Do this.\n"
    assert not printed.out


def test_an_error_that_quotes_a_stranger_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    output.report(TorilError(f"bad {HOSTILE}\nsecond line"))
    printed = capsys.readouterr().err
    assert "\x1b" not in printed
    assert printed.count("\n") == 1

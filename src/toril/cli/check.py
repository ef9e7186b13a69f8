"""`toril check`: looks at everything that an installation needs, and says what to fix."""

import os
from typing import Annotated

import typer

from toril.cli.flags import Json
from toril.cli.output import FAILED, busy, print_json, say


def check(
    *,
    app: Annotated[
        str | None, typer.Option(help="Also import this application, as module:attribute.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
    json: Json = False,
) -> None:
    """Check settings, PostgreSQL, Redis and the application.

    Exits with 1 if something must be fixed.
    """
    from toril.cli.diagnosis import diagnose
    from toril.cli.findings import Verdict, as_json, finding_lines

    with busy("Asking PostgreSQL and Redis…"):
        findings = diagnose(os.environ, app)
    bad = {Verdict.FAILED, Verdict.WARNING} if strict else {Verdict.FAILED}
    ok = not any(finding.verdict in bad for finding in findings)
    if json:
        print_json(as_json(findings, ok=ok))
    else:
        for line in finding_lines(findings):
            say(line)
    if not ok:
        raise typer.Exit(FAILED)

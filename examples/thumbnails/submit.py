"""Submits the example's jobs over HTTP and shows what becomes of them.

    python examples/thumbnails/submit.py [--url URL] [--size PIXELS …] [--timeout SECONDS] [--json]

Every sample picture of scikit-image, and three broken files, which this program puts into the folder for
incoming pictures. Exits with 0 when each ended as it should: the pictures completed, the broken files failed.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import folders
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

POLL = 0.25
ENDED = ("completed", "failed", "cancelled")
COLOURS = {"active": "cyan", "completed": "green", "failed": "red", "retrying": "yellow"}


@dataclass
class Row:
    """A job, and how it should end."""

    id: int
    image: str
    expected: str
    status: str = "pending"
    attempts: int = 0
    ms: int | None = None
    error: str = ""

    def update(self, job: dict[str, Any]) -> None:
        """Take over what the API says of the job."""
        error = job["error"]
        self.status, self.attempts, self.ms = job["status"], job["attempt"], job["ran_ms"]
        self.error = f"{error['class']}: {shorter(error['message'])}" if error else ""


def shorter(message: str) -> str:
    """Return an error message without the long path in it, so that it fits a column."""
    return message.replace(f"{folders.incoming().resolve()}/", "")


class Api:
    """The five lines of HTTP that a client needs."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def call(self, path: str, body: object = None) -> Any:
        """Return what the API answers: to a POST where there is a body, else to a GET."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, {"content-type": "application/json"})  # noqa: S310
        with urlopen(request, timeout=10) as answer:  # noqa: S310  # the URL is the user's own
            return json.load(answer)


def make_broken_files() -> list[str]:
    """Put three files that are no pictures into the folder for incoming ones; return their names."""
    coffee = (folders.samples() / "coffee.png").read_bytes()
    broken = {
        "half_a_coffee.png": coffee[: len(coffee) // 2],
        "shopping_list.jpg": b"milk\nbread\ncoffee\n",
        "empty.png": b"",
    }
    folders.incoming().mkdir(parents=True, exist_ok=True)
    for name, content in broken.items():
        (folders.incoming() / name).write_bytes(content)
    return list(broken)


def submit(api: Api, sizes: list[int]) -> list[Row]:
    """Submit a job for each file and size, all in one call."""
    expected = dict.fromkeys(folders.sample_names(), "completed") | dict.fromkeys(
        make_broken_files(), "failed"
    )
    wanted = [(image, size) for size in sizes for image in expected]
    jobs = [{"name": "thumbnail", "payload": {"path": image, "size": size}} for image, size in wanted]
    recorded = api.call("/jobs/bulk", jobs)["jobs"]
    return [Row(job["id"], image, expected[image]) for job, (image, _) in zip(recorded, wanted, strict=True)]


def look(api: Api, rows: list[Row]) -> None:
    """Bring the rows up to date, a page of jobs at a time."""
    by_id = {row.id: row for row in rows}
    page = f"/jobs?before={max(by_id) + 1}&limit=500"
    while page:
        answer = api.call(page)
        for job in answer["jobs"]:
            if job["id"] in by_id:
                by_id[job["id"]].update(job)
        oldest = answer["jobs"][-1]["id"] if answer["jobs"] else 0
        page = answer["next"] if oldest > min(by_id) else ""


def follow(api: Api, rows: list[Row], seconds: float) -> Iterator[None]:
    """Look again and again, until every job has ended or the time is up."""
    deadline = time.monotonic() + seconds
    while any(row.status not in ENDED for row in rows) and time.monotonic() < deadline:
        time.sleep(POLL)
        look(api, rows)
        yield


def table(rows: list[Row]) -> Table:
    """Return the rows as a table."""
    image, error = Column("image", no_wrap=True), Column("error", overflow="fold")
    shown = Table("id", image, "status", "attempts", "ms", error, box=SIMPLE_HEAD)
    for row in rows:
        status = Text(row.status, COLOURS.get(row.status, ""))
        ms = "" if row.ms is None else str(row.ms)
        shown.add_row(str(row.id), row.image, status, str(row.attempts), ms, row.error)
    return shown


def run(api: Api, sizes: list[int], seconds: float, console: Console) -> list[Row]:
    """Submit the pictures, follow them, and have the contact sheets made."""
    rows = submit(api, sizes)
    with Live(table(rows), console=console, transient=True) as live:
        for _ in follow(api, rows, seconds):
            # Those that matter first: a short terminal shows the upper rows only.
            live.update(table(sorted(rows, key=lambda row: row.status == "completed")))
    sheets = [submit_sheet(api, size) for size in sizes]
    for _ in follow(api, sheets, seconds):
        pass
    console.print(table(rows + sheets))
    return rows + sheets


def submit_sheet(api: Api, size: int) -> Row:
    """Submit the job that puts all thumbnails of a size on one picture."""
    job = api.call("/jobs", {"name": "contact_sheet", "payload": {"size": size}})
    return Row(job["id"], f"contact sheet {size}", "completed")


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Submit the example's pictures, and see what becomes of them."
    )
    parser.add_argument(
        "--url", default="http://127.0.0.1:3000", help="where the API is (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, action="append", help="pixels; several are possible (default: 256)"
    )
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print the jobs as JSON instead of a table")
    return parser.parse_args()


def main() -> int:
    """Run the example; return the exit code."""
    options = arguments()
    try:
        rows = run(
            Api(options.url),
            options.size or [256],
            options.timeout,
            Console(quiet=options.json, markup=False),
        )
    except HTTPError as error:
        problem = json.load(error)
        print(f"The API refused: {problem['detail']} {problem.get('hint', '')}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"There is no API at {options.url}: {error}. Start it with bin/up.", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    wrong = [row for row in rows if row.status != row.expected]
    print(summary(rows, wrong), file=sys.stderr)
    return 1 if wrong else 0


def summary(rows: list[Row], wrong: list[Row]) -> str:
    """Say in a few lines how it went."""
    done, failed = (sum(row.status == status for row in rows) for status in ("completed", "failed"))
    lines = [f"{done} completed, {failed} failed. The thumbnails are in {folders.output().resolve()}"]
    lines += [f"Job {row.id} ({row.image}) is {row.status}, not {row.expected}." for row in wrong]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

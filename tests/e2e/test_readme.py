"""What the READMEs say to paste does what they say it does."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.e2e.stage import EXAMPLE, ROOT, Stage, until


def test_the_python_example_records_jobs_that_a_worker_runs(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "shop.py").write_text(program("shop.py"))
    (tmp_path / "signup.py").write_text(program("signup.py"))
    with Stage(tmp_path, environment) as stage:
        assert stage.start("shop", "shop.py").wait(30) == 0
        assert (tmp_path / "shop.out").read_text() == "1 pending\n"

        stage.start_worker("shop:app")

        assert stage.ended(1)["result"] == "Welcome, Ada!"
        assert stage.ended(3)["status"] == "completed"
        refused = stage.ended(4)
        assert (refused["status"], refused["attempt"]) == ("failed", 1)
        assert refused["error"]["message"] == "nowhere is not an address"
        assert stage.job(2)["status"] == "scheduled"

        assert stage.start("signup", "signup.py").wait(30) == 0
        assert (tmp_path / "signup.out").read_text() == "6 created\n6 existing\n"
        assert stage.ended(5)["result"] == "Welcome, Mary!"
        assert stage.ended(6)["result"] == "Welcome, friend!"


def test_the_commands_of_the_first_minute_answer_as_described(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with Stage(tmp_path, environment) as stage:
        stage.start_worker("thumbnails:app")

        answers = [send(stage, line) for line in curl_lines(ROOT / "README.md")]

        assert [answer.status_code for answer in answers] == [201, 200, 201, 201, 422, 200, 200]
        assert answers[0].text == '{"id":1,"status":"pending"}'
        assert answers[2].json()["status"] == "scheduled"
        assert answers[4].json()["field"] == "payload.size"
        assert stage.ended(1)["status"] == "completed"
        assert stage.ended(3)["failures"] == 3
        until(lambda: stage.jobs("failed"))


def test_the_commands_of_the_example_answer_as_described(tmp_path: Path, environment: dict[str, str]) -> None:
    with Stage(tmp_path, environment) as stage:
        stage.start_worker("thumbnails:app")

        answers = [send(stage, line) for line in curl_lines(EXAMPLE / "README.md")]

        posted = [answer.status_code for answer in answers if answer.request.method == "POST"]
        assert posted == [201, 201, 422, 201]


def program(name: str) -> str:
    """Return the README's program of this name, which is its first line."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    found = [block for block in blocks if block.startswith(f"# {name}\n")]
    assert len(found) == 1
    return found[0]


def curl_lines(page: Path) -> list[str]:
    """Return the lines that a page tells its reader to paste."""
    return [line for line in page.read_text().splitlines() if line.startswith("curl ")]


def send(stage: Stage, line: str) -> httpx.Response:
    """Do what a curl line does, on a stage."""
    words = shlex.split(line)
    url = urlsplit(next(word for word in words if word.startswith("http://127.0.0.1:3000/")))
    if "-d" not in words:
        return stage.http.get(f"{url.path}?{url.query}")
    body = words[words.index("-d") + 1]
    return stage.http.post(url.path, content=body, headers={"content-type": "application/json"})

"""The example as its README tells it: `submit.py` against a real API and a real worker."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.stage import EXAMPLE, Job, Process, Stage, until

BROKEN = {
    "half_a_coffee.png": "image file is truncated",
    "shopping_list.jpg": "cannot identify image file",
    "empty.png": "cannot identify image file",
}
SIZES = (64, 128, 192, 256, 320, 384, 448, 512)


class Example(Stage):
    """The example on a stage: the API and one worker."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.output, self.incoming = folder / "thumbnails", folder / "incoming"
        folders = {"THUMBNAILS_OUTPUT": str(self.output), "THUMBNAILS_SOURCE": str(self.incoming)}
        super().__init__(folder, environment | folders)

    def restart_worker(self) -> None:
        self.worker = self.start_worker("thumbnails:app")

    def start_submit(self, *sizes: int) -> Process:
        options = [f"--url={self.http.base_url}", "--json", "--timeout=90", *(f"--size={n}" for n in sizes)]
        return self.start("submit", str(EXAMPLE / "submit.py"), *options)

    def submitted(self) -> list[Job]:
        """Return what submit.py has told in the end."""
        told: list[Job] = json.loads((self.folder / "submit.out").read_text().splitlines()[0])
        return told

    def files(self) -> set[str]:
        """Return the files below the folder for thumbnails."""
        return {str(file.relative_to(self.output)) for file in self.output.rglob("*") if file.is_file()}


@pytest.fixture
def example(tmp_path: Path, environment: dict[str, str]) -> Iterator[Example]:
    with Example(tmp_path, environment) as running:
        running.restart_worker()
        yield running


def good_images(jobs: list[Job]) -> set[str]:
    return {job["image"] for job in jobs if job["expected"] == "completed" and "." in job["image"]}


def expected_files(images: set[str], *sizes: int) -> set[str]:
    thumbnails = {f"{size}/{image}.webp" for size in sizes for image in images}
    return thumbnails | {f"contact_sheet_{size}.png" for size in sizes}


def test_every_good_image_gets_its_thumbnail_and_every_broken_one_fails_after_three_attempts(
    example: Example,
) -> None:
    assert example.start_submit(256).wait(90) == 0

    jobs = example.submitted()
    good = good_images(jobs)
    assert len(good) > 20
    assert example.files() == expected_files(good, 256)
    for image in good:
        with Image.open(example.output / "256" / f"{image}.webp") as thumbnail:
            thumbnail.load()
            assert max(thumbnail.size) <= 256
    broken = {job["image"]: example.job(job["id"]) for job in jobs if job["image"] in BROKEN}
    assert broken.keys() == BROKEN.keys()
    for image, job in broken.items():
        assert (job["status"], job["failures"], job["attempt"]) == ("failed", 3, 3)
        assert BROKEN[image] in job["error"]["message"]
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["failed"] * 3
        assert "thumbnails.py" in job["attempts"][-1]["error"]["stack"]


def test_killing_the_worker_costs_no_image_once_it_is_started_again(example: Example) -> None:
    submitting = example.start_submit(*SIZES)
    until(lambda: len(example.jobs("completed")) >= 10)
    held = kill_with_work_in_hand(example)
    assert submitting.poll() is None
    example.restart_worker()

    assert submitting.wait(100) == 0

    jobs = example.submitted()
    good = good_images(jobs)
    assert len(jobs) == len(SIZES) * (len(good) + len(BROKEN) + 1)
    assert example.files() == expected_files(good, *SIZES)
    for job in map(example.job, held):
        assert job["crashes"] == 1
        assert "crashed" in [attempt["outcome"] for attempt in job["attempts"]]


def kill_with_work_in_hand(example: Example) -> list[int]:
    """Kill the worker while it is sure to run something; return the ids of that."""

    def stopped_at_work() -> list[Job]:
        example.worker.send_signal(signal.SIGSTOP)  # so that nothing changes between looking and killing
        active = example.jobs("active")
        if not active:
            example.worker.send_signal(signal.SIGCONT)
        return active

    held: list[Job] = until(stopped_at_work)
    example.worker.kill()
    example.worker.wait()
    return [job["id"] for job in held]


def test_a_handler_submits_jobs_itself(example: Example) -> None:
    job = example.run("resize_all", {"size": 64})

    submitted = set(job["result"]["jobs"])
    assert len(submitted) > 20
    until(lambda: {job["id"] for job in example.jobs("completed")} >= submitted)


def test_a_path_out_of_the_source_folders_is_refused_at_once(example: Example) -> None:
    example.incoming.mkdir()
    (example.incoming / "link.png").symlink_to("/etc/hostname")

    for path in ("../thumbnails/secret.png", "/etc/hostname", "link.png"):
        job = example.run("thumbnail", {"path": path})

        assert (job["status"], job["attempt"]) == ("failed", 1)
        assert job["error"]["message"] == f"{path} is not inside the source folders"
    assert not example.output.exists()

"""app.py and the package itself: declaring, submitting by name, connecting."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from types import ModuleType

import pytest
from tests.unit.sdk.desk import Desk

import toril
from toril import InvalidInput, NewJob, SettingsError, Submitted, Toril
from toril.domain.lifecycle import Status


def application() -> tuple[Toril, Desk]:
    desk = Desk()
    app = Toril(submitter=desk)

    @app.job(queue="images", retry=7)
    async def thumbnail(path: str) -> None:
        """Do nothing."""

    return app, desk


async def test_a_known_name_is_checked_and_submitted_as_its_handler_says() -> None:
    app, desk = application()
    assert await app.enqueue("thumbnail", {"path": "a.png"}, delay=3) == Submitted(1, Status.PENDING)
    assert desk.jobs == [NewJob("images", "thumbnail", '{"path":"a.png"}', delay=3.0, max_attempts=7)]
    with pytest.raises(InvalidInput, match=r"payload\.path: is missing"):
        await app.enqueue("thumbnail")


async def test_a_name_of_another_program_is_submitted_unchecked() -> None:
    app, desk = application()
    await app.enqueue("elsewhere", {"a": [1]})
    await app.enqueue("elsewhere", queue="far", attempts=1, priority=2)
    assert desk.jobs == [
        NewJob("default", "elsewhere", '{"a":[1]}'),
        NewJob("far", "elsewhere", "{}", priority=2, max_attempts=1),
    ]


async def test_even_then_the_record_must_be_able_to_hold_it() -> None:
    app, desk = application()
    with pytest.raises(InvalidInput, match="NUL"):
        await app.enqueue("elsewhere", {"a": "\0"})
    with pytest.raises(InvalidInput, match="can't be a list"):
        await app.enqueue("elsewhere", [1])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="job name"):
        await app.enqueue("", {})
    assert desk.jobs == []


async def test_jobs_of_several_handlers_are_submitted_together() -> None:
    app, desk = application()
    submitted = await app.enqueue_many(
        [app.new_job("thumbnail", {"path": "a.png"}), app.new_job("elsewhere", delay=3)]
    )
    assert [job.id for job in submitted] == [1, 2]
    assert [job.name for job in desk.jobs] == ["thumbnail", "elsewhere"]


def test_two_handlers_of_one_name_are_refused() -> None:
    app, _ = application()
    with pytest.raises(SettingsError, match="two handlers are called 'thumbnail'"):
        app.job(name="thumbnail")(lambda: None)


def test_handlers_may_be_declared_inside_functions_with_local_types() -> None:
    app, _ = application()

    @dataclass
    class Local:
        number: int

    @app.job
    def bare(item: "Local") -> None:
        """Do nothing."""

    @app.job(queue="other")
    def with_options(item: "list[Local]") -> None:
        """Do nothing."""

    assert bare.job_type.bind('{"item":{"number":1}}') == {"item": Local(1)}
    assert with_options.job_type.bind('{"item":[{"number":1}]}') == {"item": [Local(1)]}


async def test_it_connects_on_the_first_submit_and_closes_when_left(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    opened_with: list[dict[str, str | None]] = []

    async def open_submitter(**urls: str | None) -> Desk:
        opened_with.append(urls)
        return desk

    bootstrap = ModuleType("toril.bootstrap")
    bootstrap.open_submitter = open_submitter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toril.bootstrap", bootstrap)
    async with Toril("postgresql://db", redis_url="redis://r") as app:
        assert opened_with == []
        await app.enqueue("elsewhere")
        await app.enqueue("elsewhere")
    assert opened_with == [{"database_url": "postgresql://db", "redis_url": "redis://r"}]
    assert len(desk.jobs) == 2
    assert desk.closed


async def test_an_injected_submitter_is_left_open() -> None:
    app, desk = application()
    async with app:
        await app.enqueue("elsewhere")
    assert not desk.closed


def test_importing_the_package_loads_no_driver_and_no_web_framework() -> None:
    heavy = "{'asyncpg', 'redis', 'starlette', 'uvicorn', 'structlog', 'importlib.metadata'}"
    program = f"import sys, toril; assert not {heavy} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_knows_its_version() -> None:
    try:
        assert toril.__version__[0].isdigit()
    except PackageNotFoundError:
        pytest.skip("running from a checkout that isn't installed")
    with pytest.raises(AttributeError):
        toril.nothing_of_this_name  # noqa: B018  # reading it is the point

"""Shows on stderr what a run is doing: a bar on a terminal, else one line a step."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """One line that says which run, which step, and how far it is. Use it in a `with` statement."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._plain = None if console.is_terminal else console
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            refresh_per_second=4,  # it runs beside what is measured
            disable=not console.is_terminal,
        )
        self._run = ""
        self._task = self._bar.add_task("")

    def run(self, name: str) -> None:
        """Name the run that begins."""
        self._run = name

    def begin(self, step: str, total: int) -> None:
        """Begin a step."""
        text = f"{self._run}: {step}"
        self._bar.reset(self._task, description=text, total=total)
        if self._plain is not None:
            self._plain.print(text, soft_wrap=True)

    def show(self, done: int) -> None:
        """Say how far the step is."""
        self._bar.update(self._task, completed=done)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

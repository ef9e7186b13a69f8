"""Shows on stderr how a chaos run is going: one line that moves on a terminal, else a line for each fault."""

from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class State(NamedTuple):
    """How it is going.

    Attributes:
        elapsed: seconds since the first submission.
        faults: what is being done at present.
        accepted: jobs whose clients have their answer.
        done: jobs that have ended.
        backlog: jobs that are on record and have not ended.
    """

    elapsed: float
    faults: tuple[str, ...]
    accepted: int
    done: int
    backlog: int


class Display:
    """Shows the state of a run. Use it in a `with` statement."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._plain = None if console.is_terminal else console
        self._bar = Progress(
            TimeElapsedColumn(),
            BarColumn(20),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            refresh_per_second=2,  # it runs beside what is struck
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("")
        self._said: tuple[str, ...] = ()

    def step(self, text: str, seconds: float | None = None) -> None:
        """Begin a step, which may be known to take so many seconds."""
        self._bar.update(self._task, description=text, total=seconds, completed=0)
        if self._plain is not None:
            self._plain.print(text, soft_wrap=True)

    def show(self, state: State) -> None:
        """Show how the step is going."""
        numbers = f"accepted {state.accepted:,}  done {state.done:,}  backlog {state.backlog:,}"
        text = f"{numbers}  [bold]{' + '.join(state.faults)}[/]"
        self._bar.update(self._task, description=text, completed=state.elapsed)
        if self._plain is not None and state.faults != self._said:
            self._said = state.faults
            self._plain.print(f"{state.elapsed:6.1f} s  {text}", soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

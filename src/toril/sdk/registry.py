"""The job types of an application, by name."""

from collections.abc import Iterator

from toril.domain.errors import SettingsError, UnknownJob
from toril.domain.names import suggest
from toril.sdk.jobtype import JobType
from toril.sdk.signature import function_name


class Registry:
    """Job types by name, in the order of their registration."""

    def __init__(self) -> None:
        self._types: dict[str, JobType] = {}

    def add(self, job_type: JobType) -> None:
        """Add a job type.

        Raises:
            SettingsError: there is one of this name already; names both functions.
        """
        known = self._types.get(job_type.name)
        if known is not None:
            raise SettingsError(
                f"two handlers are called {job_type.name!r}: "
                f"{function_name(known.function)} and {function_name(job_type.function)}",
                hint='give one of them another name: @app.job(name="…")',
            )
        self._types[job_type.name] = job_type

    def get(self, name: str) -> JobType:
        """Return the job type called `name`.

        Raises:
            UnknownJob: there is none; the hint has the nearest name.
        """
        try:
            return self._types[name]
        except KeyError:
            raise UnknownJob(
                f"no job is called {name!r}", field="name", hint=suggest(name, self._types)
            ) from None

    def __contains__(self, name: object) -> bool:
        """Say whether there is a job type of this name."""
        return name in self._types

    def __iter__(self) -> Iterator[JobType]:
        """Iterate over the job types."""
        return iter(self._types.values())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._types)

    def names(self) -> list[str]:
        """Return the names, in the order of registration."""
        return list(self._types)

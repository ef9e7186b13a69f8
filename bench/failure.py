"""The one error of the benchmark: what could not be measured, and why, in one sentence."""

from toril.domain.errors import TorilError


class BenchError(TorilError):
    """Nothing could be measured."""

    code = "bench"

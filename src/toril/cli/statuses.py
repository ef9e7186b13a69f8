"""The colour of each status, the same in every table."""

from toril.domain.lifecycle import Status

COLOURS = {
    Status.PENDING: "cyan",
    Status.SCHEDULED: "blue",
    Status.RETRYING: "yellow",
    Status.ACTIVE: "magenta",
    Status.COMPLETED: "green",
    Status.FAILED: "bold red",
    Status.CANCELLED: "dim",
}

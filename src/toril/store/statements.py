"""Loads the SQL files: one statement per file, found by the folder's and the file's name.

Each gateway (`Jobs`, `Outbox`, …) loads its folder once when it is made; a method is named like its file.
"""

from importlib.resources import files


def load(folder: str) -> dict[str, str]:
    """Return the statements of a folder under `sql/`, by file name without the ending."""
    directory = files("toril.store") / "sql" / folder
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in directory.iterdir()
        if entry.name.endswith(".sql")
    }

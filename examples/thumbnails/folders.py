"""Where the example's pictures are: scikit-image's samples, a folder for yours, and the thumbnails.

Used by the worker (`thumbnails.py`) and by `submit.py`, which know nothing else of each other.

THUMBNAILS_SOURCE  a folder with pictures of your own; default `thumbnails/incoming`
THUMBNAILS_OUTPUT  where the thumbnails go; default `thumbnails`
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif"})


class Picture(NamedTuple):
    """A file in one of the source folders, and its name there: a relative path without `..`."""

    file: Path
    name: Path


def incoming() -> Path:
    """Return the folder for pictures of your own; it need not exist."""
    return Path(os.environ.get("THUMBNAILS_SOURCE", "thumbnails/incoming"))


def output() -> Path:
    """Return the folder for the thumbnails; it need not exist yet."""
    return Path(os.environ.get("THUMBNAILS_OUTPUT", "thumbnails"))


def samples() -> Path:
    """Return the folder of the pictures that the scikit-image package brings along.

    Raises:
        FileNotFoundError: scikit-image is not installed.
    """
    package = find_spec("skimage")  # found, not imported: that would take a second
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the sample pictures are part of scikit-image: pip install scikit-image")
    return Path(package.submodule_search_locations[0]) / "data"


def sample_names() -> list[str]:
    """Return the names of the sample pictures, such as `coffee.png`."""
    return sorted(file.name for file in samples().iterdir() if file.suffix in PICTURES)


def find(path: str) -> Picture:
    """Return the picture at `path` in one of the two source folders, yours first.

    A path comes from whoever submitted the job. Whatever it is, `../` and links included, nothing outside
    the two folders is opened.

    Raises:
        PermissionError: it leads out of the folders.
        FileNotFoundError: neither has it.
    """
    for folder in (incoming(), samples()):
        root = folder.resolve()
        file = (root / path).resolve()
        if not file.is_relative_to(root):
            raise PermissionError(f"{path} is not inside the source folders")
        if file.is_file():
            return Picture(file, file.relative_to(root))
    raise FileNotFoundError(f"there is no picture {path} in {incoming()}, nor among the samples")

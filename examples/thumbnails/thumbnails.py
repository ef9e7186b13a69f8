"""The example's job handlers: real pictures become thumbnails, and thumbnails a contact sheet.

    toril worker --app thumbnails:app

One handler of each kind: `thumbnail` is a plain function and runs in a thread, `resize_all` is `async` and
runs in the worker's event loop, `contact_sheet` runs in a process of its own, which a timeout can kill.

A job runs at least once: after a crash it runs again. So each handler may be repeated: it writes its file
beside the final one and renames it, and the same picture written twice is the same picture.
"""

from glob import escape
from math import ceil
from pathlib import Path
from typing import Annotated

import folders
from msgspec import Meta
from PIL import Image, ImageDraw, ImageOps

from toril import Fail, JobContext, Retry, Toril

app = Toril()

Pixels = Annotated[int, Meta(ge=16, le=1024, description="The thumbnail's longer side, 16 to 1024 pixels.")]
Columns = Annotated[int, Meta(ge=1, le=20, description="Pictures in a row, 1 to 20.")]

CAPTION = 20
"""Pixels below a picture on the contact sheet for its name."""


@app.job(queue="images", retry=Retry(attempts=3, base=1.0), timeout=60)
def thumbnail(ctx: JobContext, path: str, size: Pixels = 256) -> dict[str, str | int]:
    """Make a thumbnail of a picture."""
    try:
        file, name = folders.find(path)
    except PermissionError as error:
        raise Fail(str(error)) from error  # no further attempt can change that; a missing file may yet come
    with Image.open(file) as image:  # raises for what isn't a picture, and the attempt fails
        picture = ImageOps.exif_transpose(image).convert("RGBA")
    ctx.log("opened", width=picture.width, height=picture.height)
    ctx.progress(50)
    picture.thumbnail((size, size))
    target = folders.output() / str(size) / f"{name}.webp"
    save(ctx, picture, target)
    ctx.progress(100)
    return {"file": str(target), "width": picture.width, "height": picture.height}


@app.job(queue="images")
async def resize_all(size: Pixels = 256) -> dict[str, list[int]]:
    """Submit a thumbnail job for every sample picture, in one transaction."""
    jobs = [thumbnail.args(path=name, size=size) for name in folders.sample_names()]
    return {"jobs": [job.id for job in await thumbnail.enqueue_many(jobs)]}


@app.job(queue="images", isolation="process", timeout=60)
def contact_sheet(ctx: JobContext, size: Pixels = 256, columns: Columns = 6) -> dict[str, str | int]:
    """Put all thumbnails of one size on one picture."""
    files = sorted((folders.output() / str(size)).rglob("*.webp"))
    if not files:
        raise Fail(f"there are no thumbnails of {size} pixels; make some first")
    side = size + 2 * CAPTION
    sheet = Image.new("RGB", (columns * side, ceil(len(files) / columns) * side), "white")
    for place, file in enumerate(files):
        row, column = divmod(place, columns)
        sheet.paste(captioned(file, side), (column * side, row * side))
        ctx.progress(round(100 * (place + 1) / len(files)))
    target = folders.output() / f"contact_sheet_{size}.png"
    save(ctx, sheet, target)
    return {"file": str(target), "pictures": len(files)}


def captioned(file: Path, side: int) -> Image.Image:
    """Return a square with a thumbnail in its middle and the name of its picture below."""
    square = Image.new("RGB", (side, side), "white")
    with Image.open(file) as image:
        picture = image.convert("RGBA")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2), picture)
    ImageDraw.Draw(square).text((CAPTION, side - CAPTION), file.stem, fill="black")
    return square


def save(ctx: JobContext, picture: Image.Image, target: Path) -> None:
    """Write a picture so that its file is either there as a whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # A name that no other run uses, not even an earlier one of this job that is still alive somewhere.
    unfinished = target.with_name(f".{target.name}.{ctx.id}-{ctx.fencing_token}")
    try:
        picture.save(unfinished, format=target.suffix.removeprefix("."))
        unfinished.replace(target)
    finally:
        for left in target.parent.glob(f".{escape(target.name)}.{ctx.id}-*"):  # by a run that was killed, too
            left.unlink(missing_ok=True)

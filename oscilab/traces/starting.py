"""Start writing a run: in a new file, or in a segment after the last checkpoint."""

from __future__ import annotations

from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.traces.layout import build_image
from oscilab.traces.paths import SUFFIX, segment_folder
from oscilab.traces.plan import RunPlan
from oscilab.traces.run import open_run
from oscilab.traces.segment import Segment, Start
from oscilab.traces.segments import Rotation, Segments, new_segment
from oscilab.traces.trouble import short


def begin(path: Path, plan: RunPlan, rotation: Rotation | None) -> Segments:
    """Create the files of a new run.

    Raises:
        InvalidInput: the run exists, its name does not end in .h5, or its folder cannot be written.
            Nothing is left behind.
    """
    if path.suffix != SUFFIX:
        # Its picture, segments and address have the same stem and other suffixes.
        raise InvalidInput(
            f"run file {path} must be named with {SUFFIX} at the end, such as runs/pair{SUFFIX}"
        )
    for taken in (path, segment_folder(path)):
        if taken.exists():
            raise InvalidInput(
                f"run file {path} cannot be made because {taken} exists; give another name or "
                "remove it"
            )
    image = build_image(plan)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        segment = Segment(path, image, Start(0, 0, 0, "start"))
    except OSError as error:
        raise InvalidInput(
            f"run file {path} cannot be written: {short(error)}; choose a folder that can be"
        ) from error
    return Segments(path, image, segment, rotation or Rotation())


def continue_run(path: Path, rotation: Rotation | None) -> Segments:
    """Add a segment to a torn, interrupted or failed run, after its last checkpoint.

    Raises:
        InvalidInput: the run is finished or still being written, or cannot be written.
    """
    with open_run(path) as run:
        if run.status in ("finished", "running"):
            raise InvalidInput(
                f"run {path} is {run.status} and cannot be resumed; "
                + ("start another" if run.status == "finished" else "stop its writer first")
            )
        # If two processes resume at once, only one can create the segment of that number.
        number = run.last_number + 1
        image, rows, readings = run.continuation()
    try:
        segment = new_segment(path, image, Start(number, rows, readings, "resumed"))
    except FileExistsError as error:
        raise InvalidInput(
            f"run {path} is being resumed by another process; stop that one first"
        ) from error
    except OSError as error:
        raise InvalidInput(
            f"run {path} cannot be resumed in {segment_folder(path)}: {short(error)}"
        ) from error
    return Segments(path, image, segment, rotation or Rotation())

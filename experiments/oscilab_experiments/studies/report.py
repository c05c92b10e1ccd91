"""Write the results of a study: figure, table, and how they were made."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from oscilab_experiments.studies.study import Measured, Study
from oscilab_experiments.studies.sweep import write_file


def write_report(
    study: Study, measured: Sequence[Measured], planned: int, folder: Path, command: str
) -> list[Path]:
    """Write NAME.png, .pdf, .csv, .md and .json in `folder`; they say if points are missing.

    Raises:
        InvalidInput: a file cannot be written.
    """
    table = study.tabulate(measured)
    seconds = sum(each.seconds for each in measured)
    seeds = sorted({int(each.point.settings.get("seed", 0)) for each in measured})
    origin = {
        "command": command,
        "seeds": seeds,
        "points": len(measured),
        "points_planned": planned,
        "seconds_of_all_points": round(seconds, 1),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "oscilab": version("oscilab"),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
    }
    points = f"{len(measured)} points"
    if len(measured) < planned:
        points = f"the {len(measured)} of {planned} points that are finished"
    line = (
        f"`{command}`, seeds {', '.join(map(str, seeds))}: {points}, {seconds / 60:.1f} minutes "
        "of one worker in all."
    )
    suffixes = (".png", ".pdf", ".csv", ".md", ".json")
    paths = [folder / f"{study.name}{suffix}" for suffix in suffixes]
    for path in paths[:2]:
        study.draw(measured, path)
    texts = (table.csv(), f"{line}\n\n{table.markdown()}", json.dumps(origin, indent=1) + "\n")
    for path, text in zip(paths[2:], texts, strict=True):
        write_file(path, text.encode())
    return paths

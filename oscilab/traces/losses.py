"""Report committed data of a run that can no longer be read."""

from __future__ import annotations

from oscilab.traces.run import Run

NAMES = {
    "training": "measured batches",
    "readings": "kept readings",
    "history": "checkpoints of the history",
    "trajectory": "played copies",
}


def losses(run: Run) -> list[str]:
    """Return a sentence for every lost file or part of a file of a run that has no writer."""
    lost = [f"{each.path}: {each.reason}" for each in run.damage]
    for source in run.sources:
        for stream, rows in source.readable.items():
            committed = int(source.entry[stream]["n_committed"][()])
            lost.append(
                f"{source.path}: {committed - rows} of {committed} {NAMES[stream]} lie in the "
                "part that is missing"
            )
    return lost

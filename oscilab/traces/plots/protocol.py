"""The drive parameters over time, and where on the array they act."""

from __future__ import annotations

from pathlib import Path

from oscilab.figures import protocol_picture
from oscilab.traces.plots.shared import heading, newest_protocol
from oscilab.traces.run import Run


def draw_protocol(run: Run, path: Path) -> Path:
    """The protocol as trained; of a run that is not finished, that of its last checkpoint.

    Raises:
        InvalidInput: there is neither, or the picture cannot be written.
    """
    protocol, which = newest_protocol(run)
    return protocol_picture(protocol, path, f"Protocol of {heading(run)}, {which}")

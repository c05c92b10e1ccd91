"""The drive parameters over time, and maps of them over the array."""

from __future__ import annotations

from pathlib import Path

from oscilab.figures import protocol_picture
from oscilab.traces.plots.shared import heading, newest_protocol
from oscilab.traces.run import Run


def draw_protocol(run: Run, path: Path) -> Path:
    """Draw the protocol as trained or, if the run is not finished, that of its last checkpoint.

    Raises:
        InvalidInput: there is neither, or the picture cannot be written.
    """
    protocol, which = newest_protocol(run)
    return protocol_picture(protocol, path, f"Protocol of {heading(run)}, {which}")

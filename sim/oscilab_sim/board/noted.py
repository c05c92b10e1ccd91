"""A board's outputs, and a record of every change of them."""

from __future__ import annotations

import threading

import numpy as np

from oscilab.types import IndexArray, Volts
from oscilab.wired.channels import ChannelTable


class NotedOutputs:
    """`levels` `[output]` are the outputs, `seconds` is the board's clock.

    `fastest` `[output]` are the largest changes in volts per second that they made, `lowest` and
    `highest` their extremes, and `writes` counts every update, for tests that look at the board and
    not at what the host says.
    """

    def __init__(self, channels: ChannelTable) -> None:
        self.channels = channels
        count = len(channels.outputs)
        self.levels: Volts = np.zeros(count)
        self.fastest, self.lowest, self.highest = np.zeros(count), np.zeros(count), np.zeros(count)
        self.writes = 0
        self.seconds = 0.0
        self._last_write = -np.inf
        self._noting = threading.Lock()

    def note(self, levels: Volts, lines: IndexArray, rate_hz: float | None) -> None:
        """`lines` are about to go through `levels` `[line, step]`, by a clock or else at once."""
        with self._noting:
            first = np.abs(levels[:, 0] - self.levels[lines])
            since = max(self.seconds - self._last_write, self.channels.update_s)
            speed = first * rate_hz if rate_hz else first / since
            if levels.shape[1] > 1 and rate_hz:
                speed = np.maximum(speed, np.abs(np.diff(levels, axis=1)).max(axis=1) * rate_hz)
            self.fastest[lines] = np.maximum(self.fastest[lines], speed)
            self.lowest[lines] = np.minimum(self.lowest[lines], levels.min(axis=1))
            self.highest[lines] = np.maximum(self.highest[lines], levels.max(axis=1))
            self.writes += 1
            self._last_write = self.seconds

    def driven_until(self, seconds: float) -> None:
        """A waveform that was noted ended at `seconds`."""
        self._last_write = seconds

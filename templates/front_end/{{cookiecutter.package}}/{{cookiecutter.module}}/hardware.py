"""The hardware: replace the body of every method by a call of your vendor's library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from oscilab.bench import Device
from oscilab.types import IntArray, Volts
from oscilab.wired import ChannelTable, Waveform

from oscilab_sim.board.table import BoardTable, board_of


class Hardware:
    """A simulated board with an array behind it, wired as the bench says."""

    serial = "simulated"
    is_simulated = True

    def __init__(self, device: Device, channels: ChannelTable) -> None:
        self._board = board_of(device, channels, BoardTable())

    def open(self) -> None:
        """Open the hardware; drive nothing."""

    def close(self) -> None:
        """Close the hardware; outputs stay as they are."""

    def levels(self) -> Volts:
        """Return the levels of all outputs, `[output]`."""
        return np.array(self._board.levels)

    def set(self, volts: Volts) -> None:
        """Set all outputs to `volts` `[output]`."""
        self._board.set_outputs(volts)

    def read(self, inputs: Sequence[str], samples: int) -> Volts:
        """Read the named inputs, `[input, sample]`."""
        return self._board.read(inputs, samples)

    def wait(self, seconds: float) -> None:
        """Let time pass while outputs hold."""
        self._board.advance(seconds)

    def play(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: IntArray
    ) -> tuple[Volts, float]:
        """Play `waveform` and read by one clock; return `[input, repeat, reading]` and its rate."""
        return self._board.run(waveform, rate_hz, inputs, read), rate_hz

    def stop(self) -> None:
        """Stop what plays, from another thread; outputs hold."""

    def to_safe(self, volts: Volts) -> None:
        """Bring all outputs to `volts` by the hardware's own means, without a ramp."""
        self._board.levels[:] = volts

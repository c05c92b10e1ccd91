"""What drives the inputs that no oscillator does: doors, thermometers, other controllers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from oscilab.types import FloatArray


@dataclass
class Outside:
    """Input lines that no oscillator drives, such as interlocks: volts from a time on.

    `events` are (seconds of the board's clock, volts), in order of time. A line that `beats` goes
    from 0 to 1 V or back every `beats[0]` seconds, until second `beats[1]`.
    """

    volts: float = 0.0
    events: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    beats: tuple[float, float] | None = None

    def at(self, seconds: FloatArray) -> FloatArray:
        """Volts at each of `seconds`."""
        found = np.full(seconds.shape, self.volts)
        for begin, volts in self.events:
            found[seconds >= begin] = volts
        if self.beats is not None:
            every, until = self.beats
            found = np.floor(np.minimum(seconds, until) / every) % 2
        return found

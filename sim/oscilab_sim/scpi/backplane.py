"""The board, clock and trigger cable that the virtual instruments of a rack share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oscilab.types import Float64Array, Volts
from oscilab.wired.waveform import Waveform
from oscilab_sim.board import VirtualBoard
from oscilab_sim.scpi.instrument import Instrument
from oscilab_sim.scpi.message import Call

MOST_SAMPLES = 1 << 20
LONGEST_S = 1e7
WAIT = "SYST:TIME:WAIT? {seconds:.9g}"
NOW = "SYST:TIME:NOW?"


@dataclass(frozen=True)
class Program:
    """Volts `[sample]` that one line plays at a rate after a trigger, and its level afterwards."""

    line: str
    volts: Volts
    rate_hz: float
    rest: float


class Backplane:
    """Access to the board's lines by name (`dac_3`), its clock, and the trigger cable of the rack.

    Lines that are not on the board exist only on their instrument. `thresholds` are the volts above
    which a switching line counts as on.
    """

    def __init__(self, board: VirtualBoard, thresholds: Mapping[str, float] | None = None) -> None:
        self.board = board
        self._thresholds = dict(thresholds or {})
        self._triggered: list[Callable[[], list[Program]]] = []
        self._pending: dict[str, float] | None = None

    def drive(self, volts: Mapping[str, float]) -> None:
        """Set lines to new levels, all at once."""
        if self._pending is not None:
            self._pending.update(volts)
            return
        levels = self.board.levels.copy()
        numbers = self.board.channels.output_numbers
        for line, value in volts.items():
            if line in numbers:
                levels[numbers[line]] = self._as_level(line, value)
        if not np.array_equal(levels, self.board.levels):
            self.board.set_outputs(levels)

    def read(self, lines: Sequence[str], each_s: float) -> list[float]:
        """Read inputs in turn, `each_s` apart, and return volts; unknown lines read 0 V."""
        known = self.board.channels.input_numbers
        if self.board.is_clamped or each_s == 0:
            there = [line for line in lines if line in known]
            volts = dict(zip(there, self.board.read(there, 1)[:, 0].tolist(), strict=True))
            self.wait(each_s * len(lines))
            return [volts.get(line, 0.0) for line in lines]
        found: list[float] = []
        for line in lines:
            # A reading is taken at the end of its aperture, in place of the mean over it.
            self.wait(each_s)
            found.append(float(self.board.read([line], 1)[0, 0]) if line in known else 0.0)
        return found

    def wait(self, seconds: float) -> None:
        """Let the board's clock run."""
        self.board.advance(seconds)

    @property
    def now(self) -> float:
        """Seconds of the board's clock."""
        return self.board.seconds

    def listen(self, triggered: Callable[[], list[Program]]) -> None:
        """Call `triggered` at every pulse on the cable, and start the programs that it returns."""
        self._triggered.append(triggered)

    def pulse(self, *also: Callable[[], list[Program]]) -> float:
        """Trigger all listeners and `also` at once.

        Return the duration of the programs in seconds.
        """
        self._pending = {}
        programs = [program for triggered in (*self._triggered, *also) for program in triggered()]
        levels, self._pending = self._pending, None
        self.drive(levels)
        return self.play(programs)

    def play(self, programs: Sequence[Program]) -> float:
        """Play programs that start together, and return the longest duration in seconds."""
        numbers = self.board.channels.output_numbers
        programs = [program for program in programs if program.line in numbers]
        if not programs:
            return 0.0
        rate = max(program.rate_hz for program in programs)
        length = max(len(program.volts) * rate / program.rate_hz for program in programs)
        rate = min(rate, rate * MOST_SAMPLES / length)
        seconds = max(len(program.volts) / program.rate_hz for program in programs)
        samples = max(1, round(seconds * rate))
        at = np.arange(samples) / rate
        levels = [
            [self._as_level(program.line, volts) for volts in _played(program, at).tolist()]
            for program in programs
        ]
        lines = np.array([numbers[program.line] for program in programs], np.intp)
        waveform = Waveform(lines, np.array(levels), np.ones(samples, np.int64))
        self.board.run(waveform, rate, [], np.array([samples - 1]))
        self.drive({program.line: program.rest for program in programs})
        return seconds

    def _as_level(self, line: str, volts: float) -> float:
        if line in self._thresholds:
            return float(volts > self._thresholds[line])
        return volts


def _played(program: Program, at: Float64Array) -> Float64Array:
    """Return a program's volts at times `at` since its start; after its end, its final level."""
    steps = np.floor(at * program.rate_hz + 1e-9).astype(np.int64)
    volts = np.append(program.volts, program.rest)
    return volts[np.minimum(steps, len(program.volts))]


class RackClock(Instrument):
    """An instrument that waits on the board's clock; without it a rack uses the computer's."""

    def __init__(self, backplane: Backplane) -> None:
        super().__init__("oscilab,CLOCK,0,1.0")
        self._backplane = backplane
        self.tree.add("SYSTem:TIME:WAIT", ask=self._wait)
        self.tree.add("SYSTem:TIME:NOW", ask=lambda call: repr(float(backplane.now)))

    def _wait(self, call: Call) -> str:
        call.expect(1)
        seconds = call.number(0, "S", 0.0, LONGEST_S)
        self._backplane.wait(seconds)
        self.busy_s += seconds
        return repr(float(self._backplane.now))

"""The inputs of a virtual board: positions, forces, and external lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from oscilab.types import FloatArray, IndexArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.wiring import FORCE, POSITION, Wiring
from oscilab_sim.board.converters import InputStage
from oscilab_sim.board.imperfections import Imperfections
from oscilab_sim.board.soldering import Soldering


@dataclass
class Outside:
    """An input line that no oscillator drives, such as an interlock.

    `events` are (seconds of the board's clock, volts) in order of time. Where `beats` is set, the
    line toggles between 0 and 1 V every `beats[0]` seconds until second `beats[1]`.
    """

    volts: float = 0.0
    events: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    beats: tuple[float, float] | None = None

    def at(self, seconds: FloatArray) -> FloatArray:
        """Return the volts at each of `seconds`."""
        found = np.full(seconds.shape, self.volts)
        for begin, volts in self.events:
            found[seconds >= begin] = volts
        if self.beats is not None:
            every, until = self.beats
            found = np.floor(np.minimum(seconds, until) / every) % 2
        return found


class Sensing:
    """Converts positions and forces in core units to readings in volts, by input name.

    `outside` drives the inputs that no oscillator drives. `unit_time` is the core's unit of time
    in seconds; it scales the bath noise of the force sensors.
    """

    def __init__(
        self,
        channels: ChannelTable,
        wiring: Wiring,
        to: Soldering,
        flaws: Imperfections,
        unit_time: float,
    ) -> None:
        self._channels, self._to = channels, to
        self._bath_on_force, self._unit_time = flaws.bath_on_force, unit_time
        self._rng = np.random.default_rng([flaws.seed, 4])
        self._in = InputStage(channels, flaws, self._rng)
        self.outside = {
            # An unwired digital input reads high, as with a pull-up.
            channel.name: Outside(1.0 if channel.kind == "digital" else 0.0)
            for channel in channels.inputs
            if channel.name not in wiring.targets
        }

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Restart the noise."""
        # In place, because the input stage draws from the same generator.
        self._rng.bit_generator.state = np.random.PCG64(seed).state

    def reads_forces(self, inputs: Sequence[str]) -> bool:
        """Return whether any of the named inputs senses a force."""
        return self._to.reads_forces(self._in.source(self._numbers(inputs)))

    def readings(
        self,
        inputs: Sequence[str],
        x: FloatArray,
        forces: FloatArray,
        times: FloatArray,
        period: float,
    ) -> Volts:
        """Return readings `[input, reading]` of positions and forces `[reading, oscillator]`.

        `times` `[reading]` are ascending seconds of the board's clock. Bath noise in the forces is
        averaged over `period` seconds per reading.
        """
        numbers = self._numbers(inputs)
        units = self._to.position_scale.volts(x)
        if self._bath_on_force:
            spread = np.sqrt(2 * self._unit_time / period)
            forces = forces + spread * self._rng.standard_normal(forces.shape)
        reaction = self._to.force_scale.volts(forces) if len(self._to.force_scale.gain) else forces
        volts = np.empty((len(numbers), len(times)))
        for row, source in enumerate(self._in.source(numbers).tolist()):
            family, oscillator = self._to.sensor_of[source]
            if family == POSITION:
                volts[row] = units[:, oscillator]
            elif family == FORCE:
                volts[row] = reaction[:, oscillator]
            else:
                volts[row] = self.outside[self._channels.inputs[source].name].at(times)
        return self._in.readings(volts, numbers, times)

    def _numbers(self, inputs: Sequence[str]) -> IndexArray:
        return np.array([self._channels.input_numbers[name] for name in inputs], np.intp)

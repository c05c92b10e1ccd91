"""Output and input stages of a virtual board: range, bits, gain, offset, crosstalk, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import BoolArray, FloatArray, IndexArray, Volts
from oscilab.wired.channels import Channel, ChannelTable
from oscilab_sim.board.imperfections import Imperfections

Raw = Callable[[IndexArray], Volts]
"""Returns the requested levels `[output, step]` of outputs; one step where they are constant."""
OCTAVES = 20
LONGEST_S = 1.0
NEGLIGIBLE = 1e-9
"""Share of an earlier value below which it is dropped."""


class Flicker:
    """1/f noise of unit variance on `lines` inputs, at times in seconds.

    It is a sum of relaxations of equal variance with time constants of 1 s, 1/2 s, 1/4 s ... 2 us.
    The spectrum is 1/f between the corresponding frequencies, white below and 1/f^2 above.
    """

    def __init__(self, lines: int, rng: np.random.Generator) -> None:
        self._constants = LONGEST_S * 2.0 ** -np.arange(OCTAVES)
        self._state = rng.standard_normal((OCTAVES, lines))
        self._last = np.zeros(lines)
        self._rng = rng

    def take(self, lines: IndexArray, times: FloatArray) -> FloatArray:
        """Return noise `[line, reading]` of the inputs `lines` at ascending `times` `[reading]`."""
        total = np.zeros((len(lines), len(times)))
        if not len(times):
            return total
        steps = np.diff(times)
        waited = np.maximum(times[0] - self._last[lines], 0.0)
        for octave, constant in enumerate(self._constants.tolist()):
            first = np.exp(-waited / constant)
            values = self._rng.standard_normal(total.shape)
            decay = np.concatenate([[0.0], np.exp(-steps / constant)])
            values[:, 1:] *= np.sqrt(1 - decay[1:] ** 2)
            values[:, 0] *= np.sqrt(1 - first**2)
            values[:, 0] += first * self._state[octave, lines]
            total += _relaxed(values, decay)
            self._state[octave, lines] = values[:, -1]
        self._last[lines] = times[-1]
        return total / np.sqrt(OCTAVES)


def _relaxed(values: FloatArray, decay: FloatArray) -> FloatArray:
    """Solve x_k = decay_k x_(k-1) + values_k in place, by recursive doubling."""
    reach = 1
    while reach < len(decay) and decay.max() > NEGLIGIBLE:
        values[:, reach:] += decay[reach:] * values[:, :-reach]
        decay[reach:] = decay[reach:] * decay[:-reach]
        decay[:reach] = 0.0
        reach *= 2
    return values


class OutputStage:
    """Converts requested output levels to volts at the plant."""

    def __init__(self, channels: ChannelTable, flaws: Imperfections) -> None:
        self._analog = ~channels.digital_outputs
        self._plugs = _plugs(channels.output_numbers, flaws.swapped)
        self._stuck = _stuck(channels.output_numbers, flaws)
        self._step = _steps(channels.outputs, flaws.dac_bits)
        self._crosstalk = flaws.output_crosstalk

    def volts(self, numbers: IndexArray, raw: Raw) -> Volts:
        """Return the volts `[line, step]` at the plant where outputs `numbers` should be wired."""
        sources = self._plugs[numbers]
        if not self._crosstalk:
            return self._converted(sources, raw(sources))
        analog = np.flatnonzero(self._analog)
        everything = raw(np.arange(len(self._analog))).copy()
        driven = self._converted(analog, everything[analog])
        everything[analog] = driven + self._crosstalk * _neighbours(driven)
        return everything[sources]

    def _converted(self, sources: IndexArray, levels: Volts) -> Volts:
        if self._step is not None:
            analog = self._analog[sources][:, np.newaxis]
            step = self._step[sources][:, np.newaxis]
            levels = np.where(analog, np.rint(levels / step) * step, levels)
        if self._stuck:
            levels = levels.copy()
            for row, number in enumerate(sources.tolist()):
                if number in self._stuck:
                    levels[row] = self._stuck[number]
        return levels


class InputStage:
    """Converts volts of the sensors to readings."""

    def __init__(
        self, channels: ChannelTable, flaws: Imperfections, rng: np.random.Generator
    ) -> None:
        self._plugs = _plugs(channels.input_numbers, flaws.swapped)
        self._stuck = _stuck(channels.input_numbers, flaws)
        self._step = _steps(channels.inputs, flaws.adc_bits)
        self._range = np.array([[c.lower, c.upper] for c in channels.inputs])
        self._analog = np.array([channel.kind == "analog" for channel in channels.inputs])
        self._flaws = flaws
        self._rng = rng
        drift = np.random.default_rng([flaws.seed, 2]).standard_normal(len(channels.inputs))
        self._drift = flaws.offset_drift_V_per_s * drift * self._analog
        self._flicker = Flicker(len(channels.inputs), rng)

    def source(self, inputs: IndexArray) -> IndexArray:
        """Return the sensors that are actually plugged into `inputs`."""
        return self._plugs[inputs]

    def readings(self, volts: Volts, inputs: IndexArray, times: Volts) -> Volts:
        """Return readings `[input, reading]` of sensor `volts` of the same shape.

        `times` `[reading]` are in seconds of the board's clock, ascending.
        """
        flaws, analog = self._flaws, self._analog[inputs]
        if flaws.input_crosstalk:
            volts = volts + flaws.input_crosstalk * _neighbours(volts) * analog[:, np.newaxis]
        if flaws.offset_drift_V_per_s:
            volts = volts + self._drift[inputs, np.newaxis] * times
        if flaws.input_noise_V:
            noise = self._rng.standard_normal(volts.shape)
            volts = volts + flaws.input_noise_V * noise * analog[:, np.newaxis]
        if flaws.flicker_noise_V:
            noise = self._flicker.take(inputs, times)
            volts = volts + flaws.flicker_noise_V * noise * analog[:, np.newaxis]
        if self._stuck:
            volts = volts.copy()
            for row, number in enumerate(inputs.tolist()):
                if number in self._stuck:
                    volts[row] = self._stuck[number]
        if self._step is not None:
            volts = self._converted(volts, inputs, analog)
        return volts

    def _converted(self, volts: Volts, inputs: IndexArray, analog: BoolArray) -> Volts:
        assert self._step is not None
        step = self._step[inputs][:, np.newaxis]
        low, high = self._range[inputs].T
        # A converter saturates at the ends of its range.
        ends = np.clip(volts, low[:, np.newaxis], high[:, np.newaxis])
        return np.where(analog[:, np.newaxis], np.rint(ends / step) * step, volts)


def _neighbours(volts: Volts) -> Volts:
    """Return, for each line, the sum of the volts of the lines before and after it."""
    total = np.zeros_like(volts)
    total[1:] += volts[:-1]
    total[:-1] += volts[1:]
    return total


def _plugs(numbers: dict[str, int], pairs: list[list[str]]) -> IndexArray:
    plugs = np.arange(len(numbers))
    for pair in pairs:
        if len(pair) != 2:
            raise InvalidInput(f"swapped names {pair}; give pairs of channels")
        if all(name in numbers for name in pair):
            first, second = (numbers[name] for name in pair)
            plugs[[first, second]] = plugs[[second, first]]
    return plugs


def _stuck(numbers: dict[str, int], flaws: Imperfections) -> dict[int, float]:
    values = {**dict.fromkeys(flaws.dead, 0.0), **flaws.stuck}
    return {numbers[name]: value for name, value in values.items() if name in numbers}


def _steps(channels: list[Channel], bits: int | None) -> Volts | None:
    if bits is None:
        return None
    return np.array([(channel.upper - channel.lower) / 2**bits for channel in channels])

"""Limits of outputs: the last check before a front end. It refuses, and never clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import numpy as np
from pydantic import Field, model_validator

from oscilab.bench.tables import Table, validated
from oscilab.errors import InvalidInput, OutOfLimits
from oscilab.plugins import choices
from oscilab.types import FloatArray, IndexArray
from oscilab.wired.channels import ChannelTable
from oscilab.wired.waveform import Waveform
from oscilab.wired.wiring import Wiring, family_of

ALL_OUTPUTS = "outputs"
ROUNDING = 1e-9
Number = Annotated[float, Field(allow_inf_nan=False, strict=False)]


class AnalogLimit(Table):
    """Range in volts, slew in volts per second, and the safe value of an analog output."""

    range: tuple[Number, Number] = Field(strict=False)
    slew: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)]
    safe: Number

    @model_validator(mode="after")
    def _in_order(self) -> AnalogLimit:
        low, high = self.range
        if not low < high:
            raise ValueError(f"the range {low:g} to {high:g} is empty; put the lower bound first")
        if not low <= self.safe <= high:
            raise ValueError(f"the safe value {self.safe:g} is outside {low:g} to {high:g}")
        return self


class DigitalLimit(Table):
    """The safe level of a digital output."""

    safe: bool


class Limits:
    """Range, slew limit and safe value of every output that is wired.

    Keys of the table are channel names, families of the wiring (`stiffness`, `clamp`,
    `clamp_enable`), or `outputs` for every analog output that no other key names. The most specific
    key counts. Outputs that are not wired stay where they are found.

    `lower`, `upper`, `slew` and `safe` are `[output]`; digital lines have no slew limit.

    Raises:
        InvalidInput: a wired output without limits, a key that names no output, or a range beyond
            the channel's.
    """

    def __init__(
        self, table: Mapping[str, Any], wiring: Wiring, channels: ChannelTable, where: str
    ) -> None:
        count = len(channels.outputs)
        self.channels = channels
        self.wired = np.zeros(count, np.bool_)
        self.lower, self.upper = np.zeros(count), np.zeros(count)
        self.slew, self.safe = np.full(count, np.inf), np.zeros(count)
        _check_keys(table, wiring, channels, where)
        cache: dict[str, AnalogLimit | DigitalLimit] = {}
        for number, channel in enumerate(channels.outputs):
            target = wiring.targets.get(channel.name)
            if target is None:
                self.lower[number] = self.upper[number] = np.nan
                continue
            digital = channel.kind == "digital"
            key = _key_for(table, channel.name, target, digital)
            if key is None:
                raise InvalidInput(
                    f"{where}: output {channel.name}, which drives {target}, has no limits; add "
                    f"{channel.name} = {{ {'safe' if digital else 'range, slew, safe'} }} to them"
                )
            if key not in cache:
                model = DigitalLimit if digital else AnalogLimit
                cache[key] = validated(model, _as_table(table[key], key, where), where, [key])
            self._place(number, cache[key], where)
        self._numbers = np.flatnonzero(self.wired)
        self._switches = channels.digital_outputs[self._numbers]
        self._rounding = 16 * np.spacing(np.maximum(np.abs(self.lower), np.abs(self.upper)))

    def _place(self, number: int, limit: AnalogLimit | DigitalLimit, where: str) -> None:
        channel = self.channels.outputs[number]
        self.wired[number] = True
        self.safe[number] = float(limit.safe)
        if isinstance(limit, DigitalLimit) or channel.kind == "digital":
            self.upper[number] = 1.0
            return
        self.lower[number], self.upper[number] = limit.range
        self.slew[number] = min(limit.slew, channel.slew)
        if limit.range[0] < channel.lower or limit.range[1] > channel.upper:
            raise InvalidInput(
                f"{where}: the range {limit.range[0]:g} to {limit.range[1]:g} V of output "
                f"{channel.name} exceeds the {channel.lower:g} to {channel.upper:g} V that it has; "
                "narrow it"
            )

    def check(self, levels: FloatArray) -> None:
        """Refuse volts `[output]` that are not finite or out of range, where outputs are wired.

        Raises:
            OutOfLimits: naming the channel, the value and the bound.
        """
        numbers, values = self._numbers, levels[self._numbers]
        # Comparisons with NaN are false, so this one test also finds what is not finite.
        inside = (values >= self.lower[numbers]) & (values <= self.upper[numbers])
        switched = values[self._switches]
        if not (inside.all() and ((switched == 0) | (switched == 1)).all()):
            self._refuse_level(numbers, values[:, np.newaxis])

    def check_levels(self, waveform: Waveform) -> None:
        """Refuse a waveform with a level that the limits forbid, wherever it starts.

        Raises:
            OutOfLimits: naming the channel, the value and the bound.
        """
        numbers, (lowest, highest) = waveform.lines, waveform.extremes
        inside = (lowest >= self.lower[numbers]) & (highest <= self.upper[numbers])
        switched = waveform.levels[self.channels.digital_outputs[numbers]]
        if not (inside.all() and ((switched == 0) | (switched == 1)).all()):
            self._refuse_level(numbers, waveform.levels)

    def _refuse_level(self, numbers: IndexArray, values: FloatArray) -> NoReturn:
        inside = (values >= self.lower[numbers, None]) & (values <= self.upper[numbers, None])
        digital = self.channels.digital_outputs[numbers]
        inside[digital] &= (values[digital] == 0) | (values[digital] == 1)
        row, step = (int(place) for place in np.argwhere(~inside)[0])
        number = int(numbers[row])
        raise OutOfLimits(
            f"output {self.channels.outputs[number].name} was to be put at "
            f"{values[row, step]:g} V, outside its limits {self.lower[number]:g} to "
            f"{self.upper[number]:g} V; change the set-point, or the bench's limits"
        )

    def check_waveform(self, waveform: Waveform, start: FloatArray, rate_hz: float) -> None:
        """Refuse a waveform with any level or any change that the limits forbid.

        `start` `[output]` is what the outputs are at.

        Raises:
            OutOfLimits: naming the channel, the value and the bound.
        """
        lines = waveform.lines
        self.check_levels(waveform)
        if waveform.samples.min() < 1:
            raise OutOfLimits("a waveform holds a level for less than a sample; hold each for one")
        # Room for the rounding of a step and of two levels, and no more: at a fast clock any fixed
        # share would let a slow line run away.
        allowed = self.slew[lines] / rate_hz * (1 + ROUNDING) + self._rounding[lines]
        if not waveform.changes_within(allowed, start[lines]):
            largest = waveform.largest_change(start[lines])
            row = int(np.flatnonzero(~(largest <= allowed))[0])
            number = int(lines[row])
            raise OutOfLimits(
                f"output {self.channels.outputs[number].name} was to change at "
                f"{largest[row] * rate_hz:g} V/s, above its slew limit of "
                f"{self.slew[number]:g} V/s; slow it down, or change the bench's limits"
            )


def _check_keys(
    table: Mapping[str, Any], wiring: Wiring, channels: ChannelTable, where: str
) -> None:
    families = {family_of(target) for target in wiring.targets.values()}
    known = [ALL_OUTPUTS, *channels.output_numbers, *sorted(families)]
    for key in table:
        if key not in known:
            raise InvalidInput(f"{where}: limits name {key!r}; {choices(key, known[:40])}")


def _key_for(table: Mapping[str, Any], name: str, target: str, digital: bool) -> str | None:
    keys = [name, family_of(target)] + ([] if digital else [ALL_OUTPUTS])
    return next((key for key in keys if key in table), None)


def _as_table(value: object, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{where}: {key} is {value!r}, but must be a table of limits")
    return value  # pyright: ignore[reportUnknownVariableType]

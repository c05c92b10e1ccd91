"""What a front end can drive and read, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.plugins import choices
from oscilab.types import BoolArray, Float64Array

Kind = Literal["analog", "digital"]
Direction = Literal["out", "in"]


@dataclass(frozen=True)
class Channel:
    """One line, such as `Channel("ao0", "analog", "out", -10.0, 10.0)`.

    `lower` and `upper` are in volts; a digital line has the levels 0 and 1. `resolution` is one
    step of its converter in volts, `slew` the fastest change that it can follow in V/s (infinite if
    it states none), `safe` its level without power or after its watchdog has tripped. The bench's
    `Limits` lie within these.
    """

    name: str
    kind: Kind
    direction: Direction
    lower: float = 0.0
    upper: float = 1.0
    resolution: float = 0.0
    slew: float = float("inf")
    safe: float = 0.0


class ChannelTable:
    """All lines of a front end; outputs and inputs are numbered in their order here.

    `max_rate_hz` is the fastest sample clock with every line in use, `update_s` the shortest time
    between two static updates of the outputs.

    Raises:
        InvalidInput: two lines of one name.
    """

    def __init__(
        self, channels: Iterable[Channel], max_rate_hz: float, update_s: float = 1e-3
    ) -> None:
        everything = list(channels)
        self.max_rate_hz = max_rate_hz
        self.update_s = update_s
        self.outputs = [channel for channel in everything if channel.direction == "out"]
        self.inputs = [channel for channel in everything if channel.direction == "in"]
        # Every waveform asks, for a few groups of inputs.
        self._reach: dict[tuple[str, ...], tuple[Float64Array, Float64Array]] = {}
        counts = Counter(channel.name for channel in everything)
        name, count = counts.most_common(1)[0] if counts else ("", 0)
        if count > 1:
            raise InvalidInput(f"the front end has {count} channels called {name}; rename them")

    @cached_property
    def output_numbers(self) -> dict[str, int]:
        """The number of each output by name."""
        return {channel.name: number for number, channel in enumerate(self.outputs)}

    @cached_property
    def input_numbers(self) -> dict[str, int]:
        """The number of each input by name."""
        return {channel.name: number for number, channel in enumerate(self.inputs)}

    @cached_property
    def digital_outputs(self) -> BoolArray:
        """Which outputs are digital, `[output]`."""
        return np.array([channel.kind == "digital" for channel in self.outputs], np.bool_)

    @cached_property
    def input_reach(self) -> tuple[Float64Array, Float64Array]:
        """The volts below and above which each input, `[input]`, is at an end of its range."""
        lower = [channel.lower + 1.5 * channel.resolution for channel in self.inputs]
        upper = [channel.upper - 1.5 * channel.resolution for channel in self.inputs]
        return np.array(lower), np.array(upper)

    def reach_of(self, inputs: Sequence[str]) -> tuple[Float64Array, Float64Array]:
        """Return `input_reach` of the inputs named, `[input]` in their order."""
        names = tuple(inputs)
        if names not in self._reach:
            numbers = [self.input_numbers[name] for name in names]
            lower, upper = self.input_reach
            self._reach[names] = lower[numbers], upper[numbers]
        return self._reach[names]

    def output(self, name: str) -> Channel:
        """Return the output of that name.

        Raises:
            InvalidInput: there is none.
        """
        if name not in self.output_numbers:
            raise InvalidInput(
                f"the front end has no output {name!r}; {choices(name, self.output_numbers)}"
            )
        return self.outputs[self.output_numbers[name]]

    def input(self, name: str) -> Channel:
        """Return the input of that name.

        Raises:
            InvalidInput: there is none.
        """
        if name not in self.input_numbers:
            raise InvalidInput(
                f"the front end has no input {name!r}; {choices(name, self.input_numbers)}"
            )
        return self.inputs[self.input_numbers[name]]

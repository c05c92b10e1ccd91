"""Lines by name and by what is next to them on the front end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oscilab.wired.array import WiredArray


def next_inputs(array: WiredArray, channels: Sequence[str]) -> list[list[int]]:
    """The sensors whose inputs are next to those of `channels`, as numbers among all sensors."""
    wiring, numbers = array.wired.wiring, array.wired.front_end.channels.input_numbers
    sensors = (*wiring.positions, *wiring.forces)
    place = {numbers[channel]: sensor for sensor, channel in enumerate(sensors)}
    return [
        [place[n] for n in (numbers[channel] - 1, numbers[channel] + 1) if n in place]
        for channel in channels
    ]


def names_of(array: WiredArray) -> list[str]:
    """All lines driven, for people: parameters, then clamps."""
    wiring, potential = array.wired.wiring, array.lines.used
    names = [f"{wiring.parameters[name]} ({name})" for name in potential.names]
    return names + [f"{channel} (clamp[{site}])" for site, channel in enumerate(wiring.clamps)]


def lines_beside(array: WiredArray) -> list[list[int]]:
    """The lines next to each line on the front end, `[line]`: parameters, then clamps."""
    numbers = np.concatenate([array.lines.parameters, array.lines.clamps]).tolist()
    place = {number: line for line, number in enumerate(numbers)}
    return [[place[n] for n in (number - 1, number + 1) if n in place] for number in numbers]

"""The calibration that a bench has before anybody measured: its design values."""

from __future__ import annotations

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.potential import Potential
from oscilab.wired.calibration import Calibration, Line
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.limits import Limits
from oscilab.wired.settings import WiredSettings
from oscilab.wired.units import BOLTZMANN, Units
from oscilab.wired.wiring import CLAMP, ENABLE, FORCE, POSITION, Wiring, family_of


def nominal_calibration(
    settings: WiredSettings,
    potential: Potential,
    wiring: Wiring,
    channels: ChannelTable,
    limits: Limits,
) -> Calibration:
    """Every line without offset, its full scale in volts standing for its quantity's.

    Force sensors read the clamp's reaction, so that their gain is negative.

    Raises:
        InvalidInput: limits that leave a quantity no volts on a side of zero that it needs, or
            design values beyond what can be reckoned with.
    """
    units = nominal_units(settings)
    lines: dict[str, Line] = {}
    for channel, target in wiring.targets.items():
        family = family_of(target)
        if family == ENABLE:
            continue
        if family in (POSITION, FORCE):
            volts = _full_scale(channels.input(channel))
        else:
            number = channels.output_numbers[channel]
            volts = _drive_scale(family, potential, settings, limits, number)
        gain = volts / _span(family, potential, settings) / units.of_target(target, potential)
        if not 0 < gain < np.inf:
            raise InvalidInput(
                f"{channel}, which is wired to {target}, has no design gain: the volts that it "
                "may take must reach beyond zero on each side that its range does, and no further "
                "than numbers do; change its limits, or its range"
            )
        lines[channel] = Line(target=target, gain=-gain if family == FORCE else gain)
    return Calibration(units=units, lines=lines, nominal=True)


def nominal_units(settings: WiredSettings) -> Units:
    """The units of the design values."""
    kT = BOLTZMANN * settings.temperature_K
    stiffness = kT / settings.length_m**2
    return Units(kT, stiffness, 1 / (settings.time_s * stiffness))


def _family_range(
    family: str, potential: Potential, settings: WiredSettings
) -> tuple[float, float]:
    default = potential.family(family).term.default_range
    low, high = settings.ranges.get(family, default)
    # A range of nothing but zero says that a line is not used, and nothing of its scale.
    return (low, high) if low or high else default


def _span(family: str, potential: Potential, settings: WiredSettings) -> float:
    if family == POSITION:
        return settings.position_span
    if family == FORCE:
        return settings.force_span
    if family == CLAMP:
        return settings.clamp
    return max(map(abs, _family_range(family, potential, settings)))


def _drive_scale(
    family: str, potential: Potential, settings: WiredSettings, limits: Limits, number: int
) -> float:
    # The largest volts that both ends of the quantity's range can use.
    low, high = limits.lower[number], limits.upper[number]
    if family == CLAMP:
        return float(min(-low, high))
    bottom, top = _family_range(family, potential, settings)
    scale = max(abs(bottom), abs(top))
    rooms: list[float] = []
    if top > 0:
        rooms.append(high * scale / top)
    if bottom < 0:
        rooms.append(-low * scale / -bottom)
    return float(np.min(rooms))


def _full_scale(channel: Channel) -> float:
    return min(-channel.lower, channel.upper)

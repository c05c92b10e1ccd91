"""The lines of an array by what they do, as vectors: numbers, scales and where they rest."""

from __future__ import annotations

import numpy as np

from oscilab.arrays.description import ArrayDescription, Capability, Identity
from oscilab.errors import InvalidInput
from oscilab.physics import ParameterBox, Potential
from oscilab.types import FloatArray
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.limits import Limits
from oscilab.wired.scales import Scale
from oscilab.wired.settings import WiredSettings
from oscilab.wired.wiring import Wiring


class Lines:
    """Outputs and inputs of the wired device, and which of them the potential in use drives.

    `wired` is the potential of the whole device, `used` the one that an experiment asked for;
    parameters of `wired` that `used` lacks stay at zero.
    """

    def __init__(
        self,
        wired: Potential,
        used: Potential,
        wiring: Wiring,
        calibration: Calibration,
        channels: ChannelTable,
    ) -> None:
        numbers = channels.output_numbers
        self.wiring = wiring
        self.used = used
        self.units = calibration.units
        everything = [wiring.parameters[name] for name in wired.names]
        self._all = np.array([numbers[channel] for channel in everything], np.intp)
        self._rest = Scale.of(everything, calibration, wired).volts(np.zeros(len(everything)))
        drives = [wiring.parameters[name] for name in used.names]
        self.parameters = np.array([numbers[channel] for channel in drives], np.intp)
        self.parameter_scale = Scale.of(drives, calibration, wired)
        self.clamps = np.array([numbers[channel] for channel in wiring.clamps], np.intp)
        self.clamp_scale = Scale.of(wiring.clamps, calibration, wired)
        self.enables = np.array([numbers[channel] for channel in wiring.enables], np.intp)
        self.position_scale = Scale.of(wiring.positions, calibration, wired)
        self.force_scale = Scale.of(wiring.forces, calibration, wired)

    def held(
        self, parameters: FloatArray, set_points: FloatArray, levels: FloatArray
    ) -> FloatArray:
        """Output volts `[output]` with clamps on: `levels` elsewhere."""
        volts = levels.copy()
        volts[self._all] = self._rest
        volts[self.parameters] = self.parameter_scale.volts(parameters)
        volts[self.clamps] = self.clamp_scale.volts(set_points)
        volts[self.enables] = 1.0
        return volts

    def into_readings(self, volts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions and forces `[reading, oscillator]`, made of `volts` `[input, reading]` where
        these are: position sensors first, then force sensors.
        """
        count = len(self.position_scale.gain)
        positions = self.position_scale.into_quantity(volts[:count])
        return positions, self.force_scale.into_quantity(volts[count:])

    def positions(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Positions `[..., oscillator]` from volts `[oscillator, ...]`, into `out` where given."""
        return self.position_scale.quantity_by_line(volts, out)

    def forces(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Forces `[..., oscillator]` from volts `[oscillator, ...]`, into `out` where given."""
        return self.force_scale.quantity_by_line(volts, out)


def describe(
    lines: Lines, limits: Limits, settings: WiredSettings, identity: Identity, timed: bool
) -> ArrayDescription:
    """Box and clamp bounds: what was asked for, narrowed to what the limits allow in volts.

    Raises:
        InvalidInput: the limits leave nothing of a parameter's range.
    """
    box = ParameterBox.of_ranges(lines.used, settings.ranges)
    low, high = lines.parameter_scale.quantity_range(
        limits.lower[lines.parameters], limits.upper[lines.parameters]
    )
    # Rounding in the unit map must not make an asked-for bound unreachable by an ulp.
    slack = 1e-9 * np.maximum(np.abs(low), np.abs(high))
    lower, upper = np.maximum(box.lower, low + slack), np.minimum(box.upper, high - slack)
    if (lower > upper).any():
        first = int(np.flatnonzero(lower > upper)[0])
        raise InvalidInput(
            f"parameter {lines.used.names[first]} can only be driven from {low[first]:g} to "
            f"{high[first]:g} within the limits, outside its range {box.lower[first]:g} to "
            f"{box.upper[first]:g}; widen the limits or the range"
        )
    reach_low, reach_high = lines.clamp_scale.quantity_range(
        limits.lower[lines.clamps], limits.upper[lines.clamps]
    )
    shrink = 1 - 1e-9
    capabilities = {Capability.CLAMP, Capability.RELEASE, Capability.PLAY}
    if lines.wiring.forces:
        capabilities.add(Capability.FORCE_READOUT)
    if timed:
        capabilities.add(Capability.HARDWARE_TIMED)
    return ArrayDescription(
        potential=lines.used,
        box=ParameterBox(lines.used, lower, upper),
        clamp_lower=np.maximum(-settings.clamp, reach_low * shrink),
        clamp_upper=np.minimum(settings.clamp, reach_high * shrink),
        capabilities=frozenset(capabilities),
        identity=identity,
        time_scale=lines.units.time,
    )

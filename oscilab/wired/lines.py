"""Core units to volts and back: the lines of an array as vectors, by what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.arrays.description import ArrayDescription, Capability, Identity
from oscilab.errors import InvalidInput
from oscilab.physics import ParameterBox, Potential
from oscilab.types import FloatArray
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.limits import Limits
from oscilab.wired.settings import WiredSettings
from oscilab.wired.wiring import Wiring


@dataclass(frozen=True, eq=False)
class Scale:
    """volts = offset + gain * quantity, with the quantity in core units; both `[line]`."""

    gain: FloatArray
    offset: FloatArray

    @classmethod
    def of(cls, channels: Sequence[str], calibration: Calibration, potential: Potential) -> Scale:
        """Return the scale of the named channels."""
        lines = [calibration.lines[channel] for channel in channels]
        units = [calibration.units.of_target(line.target, potential) for line in lines]
        gains = [line.gain * unit for line, unit in zip(lines, units, strict=True)]
        return cls(np.array(gains, np.float64), np.array([line.offset for line in lines]))

    def volts(self, quantity: FloatArray) -> FloatArray:
        """Return volts of `quantity` `[..., line]`."""
        return self.offset + self.gain * quantity

    def quantity(self, volts: FloatArray) -> FloatArray:
        """Return the quantity of `volts` `[..., line]`."""
        return (volts - self.offset) / self.gain

    def volts_by_line(self, quantity: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return volts `[line, step]` of `quantity` `[step, line]`, in `out` if it is given."""
        # In place: temporaries of this size cost more than the arithmetic.
        volts = np.empty(quantity.shape[::-1]) if out is None else out
        np.multiply(quantity.T, self.gain[:, np.newaxis], out=volts)
        # References, such as clamps, mostly have no offset: one pass less.
        if self._has_offset:
            np.add(volts, self.offset[:, np.newaxis], out=volts)
        return volts

    def into_quantity(self, volts: FloatArray) -> FloatArray:
        """Convert `volts` `[line, reading]` in place; return a view of them, `[reading, line]`.

        The volts keep their precision.
        """
        offset = self.offset[:, np.newaxis].astype(volts.dtype, copy=False)
        inverse = self._inverse[:, np.newaxis].astype(volts.dtype, copy=False)
        if self._has_offset:
            np.subtract(volts, offset, out=volts)
        return np.multiply(volts, inverse, out=volts).T

    def quantity_by_line(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return the quantity `[..., line]` of `volts` `[line, ...]`, in `out` if it is given."""
        last = volts.T if volts.ndim == 2 else np.moveaxis(volts, 0, -1)
        found = np.empty(last.shape) if out is None else out
        np.subtract(last, self.offset, out=found)
        return np.multiply(found, self._inverse, out=found)

    @cached_property
    def _has_offset(self) -> bool:
        return bool(self.offset.any())

    @cached_property
    def _inverse(self) -> FloatArray:
        return 1 / self.gain

    def quantity_range(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest quantity from `lower` to `upper` volts, `[line]` each."""
        ends = np.stack([self.quantity(lower), self.quantity(upper)])
        return ends.min(axis=0), ends.max(axis=0)


class Lines:
    """The outputs and inputs of a wired device, and which of them the potential in use drives.

    `wired` is the potential of the whole device, `used` the one that an experiment asked for.
    Parameters of `wired` that `used` lacks stay at zero. `parameters`, `clamps` and `enables` are
    output numbers; `sensor_scale` is that of the position sensors, then of the force sensors.
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
        self._outputs = len(channels.outputs)
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
        self._driven = np.concatenate([self.parameters, self.clamps])
        self._driven_scale = Scale.of([*drives, *wiring.clamps], calibration, wired)
        self.enables = np.array([numbers[channel] for channel in wiring.enables], np.intp)
        self.position_scale = Scale.of(wiring.positions, calibration, wired)
        self.force_scale = Scale.of(wiring.forces, calibration, wired)
        self.sensor_scale = Scale.of((*wiring.positions, *wiring.forces), calibration, wired)

    def held(self, parameters: FloatArray, set_points: FloatArray) -> FloatArray:
        """Return volts `[output]` with clamps on, 0 on outputs that nothing is wired to."""
        volts = np.zeros(self._outputs)
        volts[self._all] = self._rest
        volts[self._driven] = self._driven_scale.volts(np.concatenate([parameters, set_points]))
        volts[self.enables] = 1.0
        return volts

    def positions(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return positions `[..., oscillator]` of volts `[oscillator, ...]`, in `out` if given."""
        return self.position_scale.quantity_by_line(volts, out)

    def forces(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Forces `[..., oscillator]` from volts `[oscillator, ...]`, into `out` where given."""
        return self.force_scale.quantity_by_line(volts, out)


def describe(
    lines: Lines, limits: Limits, settings: WiredSettings, identity: Identity, timed: bool
) -> ArrayDescription:
    """Describe the array: the box and clamps asked for, narrowed to what the limits allow.

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

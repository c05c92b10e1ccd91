"""Core units to volts and back, for whole vectors of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.physics.potential import Potential
from oscilab.types import FloatArray
from oscilab.wired.calibration import Calibration


@dataclass(frozen=True, eq=False)
class Scale:
    """volts = offset + gain * quantity, with the quantity in core units; both `[line]`."""

    gain: FloatArray
    offset: FloatArray

    @classmethod
    def of(cls, channels: Sequence[str], calibration: Calibration, potential: Potential) -> Scale:
        """The scale of the named channels."""
        lines = [calibration.lines[channel] for channel in channels]
        units = [calibration.units.of_target(line.target, potential) for line in lines]
        gains = [line.gain * unit for line, unit in zip(lines, units, strict=True)]
        return cls(np.array(gains, np.float64), np.array([line.offset for line in lines]))

    def volts(self, quantity: FloatArray) -> FloatArray:
        """Volts of `quantity` `[..., line]`."""
        return self.offset + self.gain * quantity

    def quantity(self, volts: FloatArray) -> FloatArray:
        """The quantity of `volts` `[..., line]`."""
        return (volts - self.offset) / self.gain

    def volts_by_line(self, quantity: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Volts `[line, step]` of `quantity` `[step, line]`, into `out` where it is given."""
        # Into place at once: temporaries of this size cost more than the arithmetic.
        volts = np.empty(quantity.shape[::-1]) if out is None else out
        np.multiply(quantity.T, self.gain[:, np.newaxis], out=volts)
        # References, clamps among them, mostly have no offset: then a pass less.
        if self._has_offset:
            np.add(volts, self.offset[:, np.newaxis], out=volts)
        return volts

    def into_quantity(self, volts: FloatArray) -> FloatArray:
        """`volts` `[line, reading]` turned into the quantity where they are: `[reading, line]`.

        In the volts' own precision. The result is a view of them, so that nothing is copied.
        """
        offset = self.offset[:, np.newaxis].astype(volts.dtype, copy=False)
        inverse = self._inverse[:, np.newaxis].astype(volts.dtype, copy=False)
        if self._has_offset:
            np.subtract(volts, offset, out=volts)
        return np.multiply(volts, inverse, out=volts).T

    def quantity_by_line(self, volts: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """The quantity `[..., line]` of `volts` `[line, ...]`, into `out` where it is given."""
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
        """What volts from `lower` to `upper` `[line]` span, lowest first."""
        ends = np.stack([self.quantity(lower), self.quantity(upper)])
        return ends.min(axis=0), ends.max(axis=0)

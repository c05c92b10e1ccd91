"""What the lines of one simulated board really do: the design values, with errors drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from oscilab.wired.calibration import Calibration, Line
from oscilab.wired.units import Units
from oscilab.wired.wiring import CLAMP, FORCE, family_of
from oscilab_sim.board.imperfections import Imperfections


def true_calibration(design: Calibration, flaws: Imperfections) -> Calibration:
    """`design` with the gain, offset, temperature and mobility errors of one board."""
    rng = np.random.default_rng([flaws.seed, 1])
    draws = rng.standard_normal((len(design.lines), 2))
    lines: dict[str, Line] = {}
    for (channel, line), (gain, offset) in zip(design.lines.items(), draws.tolist(), strict=True):
        reference = family_of(line.target) in (CLAMP, FORCE)
        spread = flaws.reference_gain_error if reference else flaws.gain_error
        volts = flaws.reference_offset_error_V if reference else flaws.offset_error_V
        update = {"gain": line.gain * (1 + spread * gain), "offset": line.offset + volts * offset}
        lines[channel] = line.model_copy(update=update)
    units = Units(
        kT=design.units.kT * (1 + flaws.kT_error),
        stiffness=design.units.stiffness,
        mobility=design.units.mobility * (1 + flaws.mobility_error),
    )
    return replace(design, units=units, lines=lines)

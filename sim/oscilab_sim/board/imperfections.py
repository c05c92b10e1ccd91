"""The flaws of a virtual board, and its true calibration."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from oscilab.bench.tables import Table
from oscilab.wired.calibration import Calibration, Line, Units
from oscilab.wired.wiring import CLAMP, FORCE, family_of

Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bits = Annotated[int, Field(ge=1, le=32)]


class Imperfections(Table):
    """Flaws of the plant behind a twin or a virtual front end; part of the bench's `twin` table.

    Errors of gains, offsets and drifts are drawn from a normal distribution of the stated standard
    deviation with `seed`, so that a seed identifies a board. Noise and bath start from it as well;
    a run on the front end `virtual` restarts them from its own seed.
    """

    seed: Annotated[int, Field(ge=0)] = 0

    dac_bits: Bits | None = None
    """Resolution of outputs over their range."""
    adc_bits: Bits | None = None
    """Resolution of inputs over their range; readings then saturate at its ends."""
    gain_error: Size = 0.0
    """Relative error of the gain of drive lines and position sensors."""
    offset_error_V: Size = 0.0
    """Offset of drive lines and position sensors."""
    reference_gain_error: Size = 0.0
    """Relative error of the references, clamp actuators and force sensors, that fix the gauge."""
    reference_offset_error_V: Size = 0.0
    """Offset of the references. No calibration can find it."""
    input_noise_V: Size = 0.0
    """White noise of every reading."""
    flicker_noise_V: Size = 0.0
    """Standard deviation of the 1/f noise of inputs, over time constants from 2 us to 1 s."""
    output_crosstalk: Size = 0.0
    """Share of each neighbour's voltage that an output picks up."""
    input_crosstalk: Size = 0.0
    """Share of each neighbour's voltage that an input picks up."""
    clamp_stiffness: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Stiffness of a clamp in reference springs: it yields to forces and passes thermal motion."""
    output_settling_s: Size = 0.0
    """Time constant with which outputs approach a new level."""
    sensor_settling_s: Size = 0.0
    """Time constant with which position sensors follow a motion."""
    offset_drift_V_per_s: Size = 0.0
    """Rate at which the offset of every input drifts."""
    kT_error: Finite = 0.0
    """Relative error of the bath's temperature."""
    step_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    """The integrator's step times the largest curvature; see the simulated array's settings."""
    mobility_error: Finite = 0.0
    """Relative error of the mobility."""
    latency_samples: Annotated[int, Field(ge=0)] = 0
    """Samples by which readings lag behind the outputs."""
    bath_on_force: bool = False
    """Whether force sensors see the bath's random force, of variance 2 / averaging time."""

    dead: list[str] = Field(default_factory=list[str])
    """Channels with a broken line: they drive or read zero volts."""
    stuck: dict[str, Finite] = Field(default_factory=dict[str, Finite])
    """Channels that are stuck at a voltage."""
    swapped: list[list[str]] = Field(default_factory=list[list[str]])
    """Pairs of channels whose plugs are swapped."""


def true_calibration(design: Calibration, flaws: Imperfections) -> Calibration:
    """Return `design` with the gain, offset, temperature and mobility errors of one board."""
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

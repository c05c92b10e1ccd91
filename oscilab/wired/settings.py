"""What a bench file may say about a wired array: `[devices.NAME.settings]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from oscilab.bench.tables import Table
from oscilab.wired.faults import Fault

Finite = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[tuple[Finite, Finite], Field(strict=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Physical = Annotated[float, Field(gt=1e-18, lt=1e18)]
"""A quantity in SI units whose powers do not overflow."""


class WiredSettings(Table):
    """How an array is driven and read.

    `ranges` replaces the default range of whole families of parameters, in core units; the limits
    narrow it. `clamp` bounds set-points, in thermal amplitudes.

    After every clamp step the array waits for `settle_s` and averages `average` samples. `rate_hz`
    is the sample clock, by default the fastest. The shortest slice of a protocol has
    `samples_per_slice` samples, where the clock allows it. No waveform lasts longer than
    `longest_s`: a front end without `LIVE_INPUTS` checks its interlocks that often.

    `start` says what to assume of outputs that cannot be read back.

    The design values `temperature_K`, `length_m` (a thermal amplitude), `time_s` (a relaxation
    time), `position_span` and `force_span` (full scale of the sensors, in core units) stand in
    for a calibration until there is one. `faults` are injected between array and front end.
    """

    ranges: dict[str, Range] = Field(default_factory=dict[str, Range])
    clamp: Positive = 6.0
    settle_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    average: Annotated[int, Field(ge=1)] = 1
    rate_hz: Positive | None = None
    samples_per_slice: Annotated[int, Field(ge=1)] = 8
    longest_s: Positive = 60.0
    start: Literal["read-back", "assume-safe"] = "read-back"
    temperature_K: Physical = 293.15
    length_m: Physical = 1e-6
    time_s: Physical = 1e-2
    position_span: Positive = 16.0
    force_span: Positive = 2e4
    faults: list[Fault] = Field(default_factory=list[Fault])

    @model_validator(mode="after")
    def _in_order(self) -> WiredSettings:
        for family, (low, high) in self.ranges.items():
            if low > high:
                raise ValueError(
                    f"the range {low:g} to {high:g} of {family} is empty; put the lower bound first"
                )
        return self

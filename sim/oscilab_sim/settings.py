"""The settings of a simulated array in a bench file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from oscilab.errors import InvalidInput
from oscilab.physics.terms import is_known_term, known_terms

EngineName = Literal["auto", "numba", "numpy"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class SimulatedSettings(BaseModel):
    """The table of a simulated array; an unknown key is refused.

    `clamp` bounds set-points on both sides, in thermal amplitudes. `ranges` replaces the default
    range of whole families of parameters. `temperature` is the bath's, over the one that defines
    the units. `averaging_time` is the averaging time of a clamped force, which then has thermal
    noise of variance 2 temperature / averaging_time; without it readings are free of noise.
    `threads` is the number of cores the engine uses, all by default; it never changes a result.
    `step_fraction` f is the integrator's step times the largest curvature: the stationary variance
    of the stiffest mode is too large by f / (2 - f), 1 % by default, that of softer modes by less.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clamp: Annotated[Finite, Field(gt=0)] = 6.0
    ranges: dict[str, tuple[Finite, Finite]] = Field(default_factory=dict)
    temperature: Annotated[Finite, Field(ge=0)] = 1.0
    averaging_time: Annotated[Finite, Field(gt=0)] | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    step_fraction: Annotated[Finite, Field(gt=0, le=0.5)] = 0.02
    engine: EngineName = "auto"

    @field_validator("ranges")
    @classmethod
    def _refuse_ranges(
        cls, ranges: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for name, (low, high) in ranges.items():
            if not is_known_term(name):
                raise ValueError(
                    f"there is no term {name}; the terms are {', '.join(known_terms())}"
                )
            if low > high:
                raise ValueError(
                    f"the range of {name} is {low:g} to {high:g}; give the low end first"
                )
        return ranges

    @classmethod
    def of_table(cls, table: Mapping[str, object], name: str) -> SimulatedSettings:
        """Return the settings in the bench table of device `name`.

        Raises:
            InvalidInput: naming the device, the key and the value.
        """
        try:
            return cls.model_validate(dict(table))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                raise InvalidInput(
                    f"device {name} has the unknown setting {key}; a simulated array takes "
                    f"{', '.join(cls.model_fields)}"
                ) from error
            raise InvalidInput(
                f"device {name}: setting {key} = {first['input']!r} cannot be used: "
                f"{first['msg'].removeprefix('Value error, ').lower()}"
            ) from error

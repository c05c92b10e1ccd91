"""The bench file: its schema, and one file read and checked.

A bench file says which devices there are and what each is made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator
from pydantic import model_validator as model_check

from oscilab.bench.tables import Table, read_toml, validated
from oscilab.physics import Topology, all_to_all, from_file, is_known_term, known_terms, lattice
from oscilab.plugins import choices

BUILT_IN_DEVICE = "sim"
WIRED_NEEDS = ("front_end", "limits", "topology")
HARDWARE_KEYS = (
    "front_end", "wiring", "calibration", "connection", "limits", "interlocks", "twin"
)  # fmt: skip


class LatticeTable(Table):
    """Every pair of sites no further apart than `radius`, in lattice constants."""

    kind: Literal["lattice"]
    rows: PositiveInt
    columns: PositiveInt
    radius: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)]

    def build(self, folder: Path) -> Topology:
        """Return the topology; `folder` is not used."""
        return lattice(self.rows, self.columns, self.radius)


class AllToAllTable(Table):
    """Every pair is coupled."""

    kind: Literal["all-to-all"]
    rows: PositiveInt
    columns: PositiveInt

    def build(self, folder: Path) -> Topology:
        """Return the topology; `folder` is not used."""
        return all_to_all(self.rows, self.columns)


class EdgeFileTable(Table):
    """The edges that a text file lists, one `i,j` a line."""

    kind: Literal["file"]
    path: Annotated[str, Field(min_length=1)]
    oscillators: PositiveInt
    rows: PositiveInt
    columns: PositiveInt

    def build(self, folder: Path) -> Topology:
        """Return the topology; a relative path starts from `folder`, that of the bench file.

        Raises:
            InvalidInput: the file is missing or wrong, or rows * columns is not `oscillators`.
        """
        return from_file(folder / self.path, self.oscillators, (self.rows, self.columns))


TopologyTable = Annotated[LatticeTable | AllToAllTable | EdgeFileTable, Field(discriminator="kind")]


class DeviceTable(Table):
    """One device: `[devices.NAME]`.

    The plugins that `array` and `front_end` name check the tables typed as plain dictionaries:
    the array checks `settings`, the front end the others.
    """

    array: Annotated[str, Field(min_length=1)]
    topology: TopologyTable | None = None
    terms: Annotated[list[str], Field(min_length=1)] | None = None
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    front_end: Annotated[str, Field(min_length=1)] | None = None
    wiring: str | dict[str, Any] | list[dict[str, Any]] | None = None
    calibration: Annotated[str, Field(min_length=1)] | None = None
    connection: dict[str, Any] | None = None
    # At least one entry: an empty table would read as "no limits".
    limits: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    interlocks: dict[str, Any] | None = None
    twin: dict[str, Any] | None = None

    @field_validator("terms")
    @classmethod
    def _known_terms(cls, terms: list[str] | None) -> list[str] | None:
        for term in terms or ():
            if not is_known_term(term):
                raise ValueError(f"unknown term {term!r}; {choices(term, known_terms())}")
            if (terms or []).count(term) > 1:
                raise ValueError(f"term {term!r} is named twice; name it once")
        return terms

    @model_check(mode="after")
    def _fits_its_array(self) -> DeviceTable:
        given = self.model_fields_set
        if self.array == "wired":
            for key in WIRED_NEEDS:
                if key not in given:
                    raise ValueError(f"a wired array needs {key}; add it")
        if self.array == "simulated":
            for key in HARDWARE_KEYS:
                if key in given:
                    raise ValueError(
                        f"a simulated array has no {key}; remove it, or make the array 'wired'"
                    )
        return self


class BenchTable(Table):
    """A whole bench file."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    devices: dict[str, DeviceTable] = Field(default_factory=dict[str, DeviceTable])

    @field_validator("devices")
    @classmethod
    def _usable_names(cls, devices: dict[str, DeviceTable]) -> dict[str, DeviceTable]:
        for name in devices:
            if name == BUILT_IN_DEVICE:
                raise ValueError(f"{name!r} names the built-in device; choose another name")
            # Names become parts of file names, also on Windows.
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
                raise ValueError(
                    f"the device name {name!r} is not a letter or digit followed by letters, "
                    "digits, '_', '-' and '.'; rename it"
                )
        return devices


@dataclass(frozen=True, eq=False)
class Bench:
    """The devices that one file describes, and the hash by which a run file identifies it."""

    path: Path
    sha256: str
    devices: Mapping[str, DeviceTable]

    @property
    def name(self) -> str:
        """The name by which `--bench NAME` finds it in a folder of benches."""
        return self.path.stem

    @property
    def folder(self) -> Path:
        """The folder from which relative paths in the file start."""
        return self.path.parent


def read_bench(path: Path) -> Bench:
    """Read the bench file `path`; neither plugins nor hardware are touched.

    Raises:
        InvalidInput: it cannot be read, is not TOML, or does not fit the schema.
    """
    file = read_toml(path.absolute(), "bench file")
    table = validated(BenchTable, file.values, f"bench file {file.path}")
    return Bench(file.path, file.sha256, table.devices)

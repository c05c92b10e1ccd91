"""One bench file, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oscilab.bench.schema import BenchTable, DeviceTable
from oscilab.bench.tables import read_toml, validated


@dataclass(frozen=True, eq=False)
class Bench:
    """The devices that one file describes, and the hash by which a run remembers that file."""

    path: Path
    sha256: str
    devices: Mapping[str, DeviceTable]

    @property
    def name(self) -> str:
        """By which `--bench NAME` finds it in a folder of benches."""
        return self.path.stem

    @property
    def folder(self) -> Path:
        """From which relative paths in the file start."""
        return self.path.parent


def read_bench(path: Path) -> Bench:
    """The bench in the file `path`; neither plugins nor hardware are touched.

    Raises:
        InvalidInput: it cannot be read, is not TOML, or does not fit the schema.
    """
    file = read_toml(path.absolute(), "bench file")
    table = validated(BenchTable, file.values, f"bench file {file.path}")
    return Bench(file.path, file.sha256, table.devices)

"""The plan of a run: everything that is known before its first batch."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.description import ArrayDescription, Identity
from oscilab.arrays.readings import ReadingKind
from oscilab.errors import InvalidInput
from oscilab.physics.noising import Noising
from oscilab.physics.schedule import Schedule

Kind = Literal["train", "sample"]
VERSIONED = ("oscilab", "numpy", "numba", "h5py")


class BatchFlag(IntFlag):
    """Flags in the `status` of a measured batch."""

    REDRAWN = 1
    """Some points fell outside the clamps and were drawn again."""
    PROJECTED = 2
    """The update left the parameter box or stopped confining, and was projected."""
    RESTARTED = 8
    """The first batch after the run was resumed."""


@dataclass(frozen=True)
class Provenance:
    """The origin of a run's data: device, code, calibration.

    `parent` is the run whose protocol this one plays; `faults` describes injected faults.
    """

    simulated: bool
    identity: Identity
    bench_hash: str = ""
    calibration_hash: str = ""
    faults: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    git_commit: str = ""
    note: str = ""
    parent: str = ""

    @classmethod
    def collect(
        cls,
        identity: Identity,
        *,
        bench_hash: str = "",
        calibration_hash: str = "",
        faults: str = "",
        note: str = "",
        parent: str = "",
    ) -> Provenance:
        """Return the given values with the installed versions and the commit of the checkout."""
        return cls(
            simulated=identity.simulated,
            identity=identity,
            bench_hash=bench_hash,
            calibration_hash=calibration_hash,
            faults=faults,
            versions=installed_versions(),
            git_commit=checkout_commit(),
            note=note,
            parent=parent,
        )


@dataclass(frozen=True)
class ChannelScale:
    """The scale of a line wired to `target`: physics = gain * volts + offset, in `units`."""

    name: str
    gain: float = 1.0
    offset: float = 0.0
    units: str = "1"
    target: str = ""


@dataclass(frozen=True)
class Coding:
    """The 16-bit coding of readings from a converter.

    value = scale_factor * code + add_offset, with codes -32767 to 32767. A value that is not finite
    is stored as -32768.
    """

    scale_factor: float
    add_offset: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.scale_factor, self.add_offset]).all() and self.scale_factor > 0):
            raise InvalidInput(
                f"a coding of scale {self.scale_factor} and offset {self.add_offset} keeps "
                "nothing; give a finite scale above zero and a finite offset"
            )


@dataclass(frozen=True, eq=False)
class RunPlan:
    """Everything known before the first batch; all HDF5 objects are created from it.

    Attributes:
        kind: `train` or `sample`.
        configuration: the resolved configuration, which can be written as JSON.
        shots: the number of points in one measured batch.
        log_every: log the readings of every `log_every`-th batch; 1 for all, 0 for none.
        checkpoint: template arrays of the training state (bytes as uint8 arrays).
        samples: the expected number of copies in a trajectory.
        record_times: the expected number of instants in a trajectory.
        reading: the kind of readings.
        targets: whether readings include the target forces.
        codings: the 16-bit codings of readings from converters, by quantity.
        channels: the scales of the device's lines.
        calibration: calibration constants by name.
    """

    kind: Kind
    configuration: Mapping[str, object]
    description: ArrayDescription
    schedule: Schedule
    noising: Noising
    provenance: Provenance
    shots: int
    log_every: int = 1
    checkpoint: Mapping[str, NDArray[np.generic]] = field(
        default_factory=dict[str, NDArray[np.generic]]
    )
    samples: int = 0
    record_times: int = 0
    reading: ReadingKind = "force"
    targets: bool = False
    codings: Mapping[str, Coding] = field(default_factory=dict[str, Coding])
    channels: tuple[ChannelScale, ...] = ()
    calibration: Mapping[str, NDArray[np.generic]] = field(
        default_factory=dict[str, NDArray[np.generic]]
    )
    title: str = "oscilab run"

    def __post_init__(self) -> None:
        if self.shots < 1:
            raise InvalidInput(f"a measured batch of {self.shots} points is none; use 1 or more")
        if self.log_every < 0:
            raise InvalidInput(f"log_every is {self.log_every}; use 0 for none, 1 for all, or more")
        unknown = set(self.codings) - set(self.quantities)
        if unknown:
            raise InvalidInput(
                f"a coding is given for {', '.join(sorted(unknown))}, which a {self.reading} "
                f"reading lacks; it has {', '.join(self.quantities)}"
            )

    @property
    def quantities(self) -> tuple[str, ...]:
        """The logged quantities of a reading, each `[batch, shot, oscillator]`."""
        return (*READING_QUANTITIES[self.reading], *(("targets",) if self.targets else ()))


READING_QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "force": ("set_points", "positions", "forces"),
    "position": ("set_points", "start", "end"),
}


def installed_versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that affect the results."""
    found = {name: _version(name) for name in VERSIONED}
    return {**found, "python": platform.python_version(), "platform": platform.platform()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def checkout_commit() -> str:
    """Return the commit of the checkout that this code runs from (`-dirty` if changed), or ""."""
    here = Path(__file__).resolve().parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        tracked = subprocess.run(
            ["git", "ls-files", "--error-unmatch", Path(__file__).name],
            cwd=here,
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    # An installed copy may be inside another project's checkout.
    return found.stdout.strip() if tracked.returncode == 0 else ""

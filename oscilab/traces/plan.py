"""Everything about a run that is known before its first batch."""

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
    """What the `status` of a measured batch can say; several may hold at once."""

    REDRAWN = 1
    """Some points fell beyond the clamps and were drawn again."""
    PROJECTED = 2
    """The update left the parameter box or stopped confining, and was projected."""
    RESTARTED = 8
    """The first batch after the run was resumed."""


@dataclass(frozen=True)
class Provenance:
    """Where a run's data come from: which device, which code, which calibration.

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
        """What is given, with the versions in use and the commit of the checkout, if it is one."""
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
class Channel:
    """One line of the bench: physics = gain * volts + offset, in `units`, of what `target` is."""

    name: str
    gain: float = 1.0
    offset: float = 0.0
    units: str = "1"
    target: str = ""


@dataclass(frozen=True)
class Coding:
    """Readings that come from a converter, kept as its 16-bit codes.

    value = scale_factor * code + add_offset, codes -32767 to 32767; what is not finite is kept as
    -32768.
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

    `configuration` is resolved and can be written as JSON. `shots` is the points of one measured
    batch; every `log_every`-th measured batch keeps its readings (1 keeps all, 0 none), which are
    of kind `reading`, and with `targets` what learning aimed at. `checkpoint` holds template
    arrays of the training state (bytes go as uint8 arrays). `samples` and `record_times` are the
    copies and instants expected of a trajectory.
    `codings` names the readings that a converter made.
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
    channels: tuple[Channel, ...] = ()
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
        """The names of what is kept of a reading, each `[batch, shot, oscillator]`."""
        return (*READING_QUANTITIES[self.reading], *(("targets",) if self.targets else ()))


READING_QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "force": ("set_points", "positions", "forces"),
    "position": ("set_points", "start", "end"),
}


def installed_versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {name: _version(name) for name in VERSIONED}
    return {**found, "python": platform.python_version(), "platform": platform.platform()}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def checkout_commit() -> str:
    """The commit of the checkout this code runs from (`-dirty` if changed), or nothing."""
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
    # An installed copy may lie inside somebody else's checkout.
    return found.stdout.strip() if tracked.returncode == 0 else ""

"""What a rack asks of each of its instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from oscilab.errors import DeviceFailed
from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_visa.connection import InstrumentTable, Unit
from oscilab_visa.link import Link


class RackInstrument(Protocol):
    """One instrument: its lines are known before it is connected.

    Levels are by the number of the output among its own, such as `{0: 1.5, 3: -2.0}`.
    """

    reads_back: bool
    """Whether it can say what its outputs are at."""

    @property
    def outputs(self) -> Sequence[Channel]:
        """Its outputs, in the order that levels are numbered in."""
        ...

    @property
    def inputs(self) -> Sequence[Channel]:
        """Its inputs."""
        ...

    def connect(self, link: Link) -> str:
        """Take the link, see that it leads to the right instrument, and return its serial number.

        Raises:
            DeviceFailed: it is another instrument, or not as the bench file says.
        """
        ...

    def read_outputs(self) -> list[float]:
        """What its outputs are at, in their order."""
        ...

    def set(self, levels: Mapping[int, float]) -> None:
        """Put outputs at levels, and see that no error came of it."""
        ...

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Readings of its inputs `[input, sample]`."""
        ...

    def seconds(self, names: Sequence[str]) -> float:
        """How long one reading of these inputs takes."""
        ...

    def off(self) -> None:
        """Outputs to zero or disconnected, and everything stopped that plays."""
        ...


@dataclass(frozen=True)
class InstrumentKind:
    """A kind of instruments: an entry of `oscilab.instruments`.

    `table` is what a bench file says of one, `make` takes one of a rack and gives its driver, not
    connected. `twin`, where there is one, makes a virtual instrument (of
    `oscilab_sim.scpi.instrument`) from a unit, a serial number and a virtual backplane.
    """

    table: type[InstrumentTable]
    make: Callable[[Unit], RackInstrument]
    twin: Callable[[Unit, str, Any], Any] | None = None


@runtime_checkable
class Triggered(Protocol):
    """An instrument that can prepare levels and take them on at a trigger, with others."""

    def stage(self, levels: Mapping[int, float]) -> None:
        """Prepare levels."""
        ...

    def fire(self) -> None:
        """Send the trigger, from the master of the rack."""
        ...


def identified(link: Link, makes: Sequence[str], serial: str | None) -> tuple[str, str]:
    """Model and serial number, from `*IDN?`.

    Raises:
        DeviceFailed: it is none of `makes`, or has another serial number than the bench file says.
    """
    answer = link.ask("*IDN?")
    names = " or ".join(make.strip(",") for make in makes)
    parts = [part.strip() for part in answer.split(",")]
    if len(parts) < 3 or not any(make in answer for make in makes):
        raise DeviceFailed(
            f"{link} says that it is {answer!r}, not a {names}; correct its address or its "
            "kind in the bench file"
        )
    if serial is not None and parts[2] != serial:
        raise DeviceFailed(
            f"{link} has the serial number {parts[2]}, not {serial}; correct its address or the "
            "number in the bench file"
        )
    return parts[1], parts[2]


def no_inputs(link: Link | None, names: Sequence[str]) -> DeviceFailed:
    """The refusal of an instrument that reads nothing."""
    return DeviceFailed(f"{link} has no inputs, and was asked to read {', '.join(names)}")

"""The interface of an instrument in a rack."""

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
    """One instrument, whose lines are known before it is connected.

    Levels are in volts by the index of the output, such as `{0: 1.5, 3: -2.0}`.
    """

    reads_back: bool
    """Whether it can report the levels of its outputs."""

    @property
    def outputs(self) -> Sequence[Channel]:
        """Its outputs, in the order of their indices."""
        ...

    @property
    def inputs(self) -> Sequence[Channel]:
        """Its inputs."""
        ...

    def connect(self, link: Link) -> str:
        """Check that `link` leads to the right instrument, and return its serial number.

        Raises:
            DeviceFailed: it is another instrument, or its state differs from the bench file.
        """
        ...

    def read_outputs(self) -> list[float]:
        """Return the levels of its outputs in their order."""
        ...

    def set(self, levels: Mapping[int, float]) -> None:
        """Set outputs to levels, and check for errors."""
        ...

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Return readings `[input, sample]` of the named inputs."""
        ...

    def seconds(self, names: Sequence[str]) -> float:
        """Return the duration of one reading of these inputs in seconds."""
        ...

    def off(self) -> None:
        """Stop playback, and set outputs to zero or disconnect them."""
        ...


@dataclass(frozen=True)
class InstrumentKind:
    """A kind of instrument: an entry of `oscilab.instruments`.

    `table` is its table in a bench file. `make` returns its driver, not connected. `twin`, if there
    is one, returns a virtual instrument (of `oscilab_sim.scpi.instrument`) for a unit, a serial
    number and a virtual backplane.
    """

    table: type[InstrumentTable]
    make: Callable[[Unit], RackInstrument]
    twin: Callable[[Unit, str, Any], Any] | None = None


@runtime_checkable
class Triggered(Protocol):
    """An instrument that can stage levels and apply them at a trigger, together with others."""

    def stage(self, levels: Mapping[int, float]) -> None:
        """Stage levels for the trigger."""
        ...

    def fire(self) -> None:
        """Send the trigger, as the master of the rack."""
        ...


class Linked:
    """What the drivers here share: the link, once the instrument is connected."""

    name: str
    _link: Link | None = None

    @property
    def link(self) -> Link:
        """The link to the instrument.

        Raises:
            DeviceFailed: it is not connected.
        """
        if self._link is None:
            raise DeviceFailed(f"instrument {self.name} is not connected; open the device first")
        return self._link


def identified(link: Link, makes: Sequence[str], serial: str | None) -> tuple[str, str]:
    """Return the model and the serial number from `*IDN?`.

    Raises:
        DeviceFailed: it is none of `makes`, or its serial number differs from the bench file.
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
    """Return the error of an instrument that has no inputs."""
    return DeviceFailed(f"{link} has no inputs, and was asked to read {', '.join(names)}")

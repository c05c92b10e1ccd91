"""The front end `scpi`: a rack of SCPI instruments, set and read point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oscilab.arrays.description import Identity
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform
from oscilab_visa.connection import Connection
from oscilab_visa.rack import Rack, RackTiming, read_connection


class RackFrontEnd:
    """`AnalogFrontEnd` over instruments that share no sample clock.

    Outputs that change on several instruments with triggers are staged and let out by one
    trigger; others change one after the other, within some milliseconds. What reading takes counts
    as part of the pause that follows, so that delays of the readout do not add up.
    """

    def __init__(self, connection: Connection, name: str = "rack") -> None:
        self._name = name
        self.rack = Rack(connection)
        self.instruments = self.rack.instruments
        self.timing = RackTiming(connection, self.instruments)
        self._channels = ChannelTable(
            [channel for each in self.instruments.values() for channel in each.outputs]
            + [channel for each in self.instruments.values() for channel in each.inputs],
            self.timing.rate_hz,
            self.timing.update_s,
        )
        self._places = self._output_places()
        self._owner = {
            channel.name: name for name, each in self.instruments.items() for channel in each.inputs
        }
        self._levels: Volts | None = None
        self._reading_since: float | None = None
        self._read_for = 0.0

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], name: str, where: str) -> RackFrontEnd:
        """Return the rack that the table `connection` describes, not connected.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        try:
            return cls(read_connection(connection, name, where), name)
        except InvalidInput as error:
            raise InvalidInput(f"{where}: devices.{name}.connection: {error}") from error

    @property
    def channels(self) -> ChannelTable:
        """The lines of all instruments, in the order of the bench file."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """Live inputs; output readback where every instrument has it; no common clock."""
        found = {FrontEndCapability.LIVE_INPUTS}
        if all(each.reads_back for each in self.instruments.values()):
            found.add(FrontEndCapability.OUTPUT_READBACK)
        return frozenset(found)

    @property
    def hardware(self) -> str | None:
        """All addresses."""
        return "scpi " + " ".join(sorted(unit.resource for unit in self.rack.units))

    def connect(self) -> Identity:
        """Open and identify every instrument; nothing is driven.

        Raises:
            DeviceFailed: one does not answer, is another one, or is not as the bench file says.
        """
        finished = False
        try:
            serials = self.rack.connect()
            finished = True
        finally:
            if not finished:
                self.close()
        return Identity(
            name=self._name,
            kind="scpi",
            serial=" ".join(serials.values()),
            simulated=False,
            details={**serials, "timing": self.timing.words()},
        )

    def close(self) -> None:
        """Close all connections, outputs as they are; idempotent."""
        self.rack.close()
        self._levels = None

    def read_outputs(self) -> Volts:
        """Return what the instruments report their outputs to be at, `[output]`."""
        self._check_open()
        self.rack.clock.catch_up()
        found = np.array([v for each in self.instruments.values() for v in each.read_outputs()])
        self._levels = found.copy()
        return found

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`; only what changes is sent."""
        self._check_open()
        self.rack.clock.catch_up()
        known, self._levels = self._levels, None
        changes: dict[str, dict[int, float]] = {}
        for number, (name, place) in enumerate(self._places):
            if known is None or known[number] != volts[number]:
                changes.setdefault(name, {})[place] = float(volts[number])
        self.rack.set(changes)
        self._levels = np.array(volts, np.float64)
        self._reading_since, self._read_for = None, 0.0

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Return `samples` readings of the named inputs, `[input, sample]`, one scan each."""
        self._check_open()
        if self._reading_since is None:
            self._reading_since = self.rack.clock.now()
        else:
            self.rack.clock.catch_up()
        found = np.empty((len(inputs), samples))
        by_owner: dict[str, list[int]] = {}
        for row, name in enumerate(inputs):
            by_owner.setdefault(self._owner[name], []).append(row)
        for owner, rows in by_owner.items():
            names = [inputs[row] for row in rows]
            found[rows] = self.instruments[owner].read(names, samples)
        return found

    def pause(self, seconds: float) -> None:
        """Wait; outputs hold. Time spent reading since the last pause is part of it."""
        self._check_open()
        begin, self._reading_since = self._reading_since, None
        if begin is not None:
            self._read_for += self.rack.clock.now() - begin
        # Several short pauses make up for a long scan.
        passed = min(self._read_for, seconds)
        self._read_for -= passed
        if seconds > passed:
            self.rack.clock.wait(seconds - passed)
        # Readings of another thread took none of the time that is counted here.
        self._reading_since = None

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """Raise `DeviceFailed`: a rack has no clock that times outputs and readings together.

        Raises:
            DeviceFailed: always.
        """
        raise DeviceFailed(
            f"front end {self._name} is not hardware timed and cannot play a waveform; it is set "
            "and read point by point"
        )

    def abort(self) -> None:
        """End a pause that another thread is in."""
        self.rack.clock.interrupt()

    def make_safe(self) -> None:
        """Bring every instrument that answers to zero volts, or disconnect its outputs.

        Raises:
            DeviceFailed: naming those that do not answer; the others are off.
        """
        self._levels = None
        lost = self.rack.off()
        if lost:
            raise DeviceFailed(
                f"{'; '.join(lost)}; every other instrument of {self._name} is off, and its own "
                "outputs may stand where they were"
            )

    def _output_places(self) -> list[tuple[str, int]]:
        return [
            (name, place)
            for name, each in self.instruments.items()
            for place in range(len(each.outputs))
        ]

    def _check_open(self) -> None:
        if not self.rack.links:
            raise DeviceFailed(f"front end {self._name} is not connected; open the device first")

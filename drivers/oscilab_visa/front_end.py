"""The front end `scpi`: a rack of SCPI instruments, set and read point by point."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.description import Identity
from oscilab.bench.tables import validated
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform
from oscilab_visa.clock import Clock, HostClock, InstrumentClock
from oscilab_visa.connection import Connection, GenericTable, Unit, units_of
from oscilab_visa.daq970a import Daq970a
from oscilab_visa.generic import GenericInstrument
from oscilab_visa.instrument import RackInstrument, Triggered
from oscilab_visa.keysight33500 import Keysight33500
from oscilab_visa.library import clock_unit, resource_manager
from oscilab_visa.link import ERROR, Link
from oscilab_visa.qdac2 import Qdac2
from oscilab_visa.timing import RackTiming

if TYPE_CHECKING:
    from oscilab.bench.devices import Device

logger = logging.getLogger(__name__)
Volts = NDArray[np.floating]


class RackFrontEnd:
    """`AnalogFrontEnd` over instruments that share no sample clock.

    Outputs that change on several instruments with triggers are staged and let out by one
    trigger; others change one after the other, within some milliseconds. What reading takes counts
    as part of the pause that follows, so that delays of the readout do not add up.
    """

    def __init__(self, connection: Connection, name: str = "rack") -> None:
        self._connection, self._name = connection, name
        self.units = units_of(connection)
        self.instruments: dict[str, RackInstrument] = {}
        for unit in self.units:
            if unit.name in self.instruments:
                raise InvalidInput(f"two instruments are called {unit.name}; rename one")
            self.instruments[unit.name] = _instrument(unit, connection)
        self._check_master()
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
        self._links: dict[str, Link] = {}
        self._clock: Clock = HostClock()
        self._levels: Volts | None = None
        self._reading_since: float | None = None
        self._read_for = 0.0

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], device: Device) -> RackFrontEnd:
        """The rack that the table `connection` describes, not connected.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        keys = ("devices", device.name, "connection")
        table = validated(Connection, connection, device.where, keys)
        try:
            return cls(table, device.name)
        except InvalidInput as error:
            raise InvalidInput(f"{device.where}: devices.{device.name}.connection: {error}") from (
                error
            )

    @property
    def channels(self) -> ChannelTable:
        """The lines of all instruments, in the order of the bench file."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """Inputs may be read meanwhile; outputs where every instrument can; no common clock."""
        found = {FrontEndCapability.LIVE_INPUTS}
        if all(each.reads_back for each in self.instruments.values()):
            found.add(FrontEndCapability.OUTPUT_READBACK)
        return frozenset(found)

    @property
    def hardware(self) -> str | None:
        """All addresses."""
        return "scpi " + " ".join(sorted(unit.resource for unit in self.units))

    def connect(self) -> Identity:
        """Open every instrument and see that it is the right one; nothing is driven.

        Raises:
            DeviceFailed: one does not answer, is another one, or is not as the bench file says.
        """
        finished = False
        serials: dict[str, str] = {}
        try:
            manager = resource_manager(self._connection.library)
            for unit in self.units:
                error = unit.table.error if isinstance(unit.table, GenericTable) else ERROR
                link = Link(unit, manager, self._connection.timeout_s, error)
                self._links[unit.name] = link
                _begin(link, unit)
                serials[unit.name] = self.instruments[unit.name].connect(link)
            table = self._connection.clock
            if table is not None:
                self._links["its clock"] = Link(
                    clock_unit(table), manager, self._connection.timeout_s, None
                )
                self._clock = InstrumentClock(self._links["its clock"], table)
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
        """Let go of all instruments, outputs as they are; idempotent."""
        for link in self._links.values():
            link.close()
        self._levels = None

    def read_outputs(self) -> Volts:
        """What the instruments say their outputs are at, `[output]`."""
        self._check_open()
        self._clock.catch_up()
        found = np.array([v for each in self.instruments.values() for v in each.read_outputs()])
        self._levels = found.copy()
        return found

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`; only what changes is sent."""
        self._check_open()
        self._clock.catch_up()
        known, self._levels = self._levels, None
        changes: dict[str, dict[int, float]] = {}
        for number, (name, place) in enumerate(self._places):
            if known is None or known[number] != volts[number]:
                changes.setdefault(name, {})[place] = float(volts[number])
        staged = self._staged(changes)
        for name in staged:
            instrument = self.instruments[name]
            assert isinstance(instrument, Triggered)
            instrument.stage(changes[name])
        if staged:
            self._fire()
        for name, levels in changes.items():
            if name not in staged:
                self.instruments[name].set(levels)
        self._levels = np.array(volts, np.float64)
        self._reading_since, self._read_for = None, 0.0

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """`samples` readings of the named inputs, `[input, sample]`, one scan after the other."""
        self._check_open()
        if self._reading_since is None:
            self._reading_since = self._clock.now()
        else:
            self._clock.catch_up()
        found = np.empty((len(inputs), samples))
        by_owner: dict[str, list[int]] = {}
        for row, name in enumerate(inputs):
            by_owner.setdefault(self._owner[name], []).append(row)
        for owner, rows in by_owner.items():
            names = [inputs[row] for row in rows]
            found[rows] = self.instruments[owner].read(names, samples)
        return found

    def pause(self, seconds: float) -> None:
        """Let time pass, outputs held; what was read since the last pause counts as part of it."""
        self._check_open()
        begin, self._reading_since = self._reading_since, None
        if begin is not None:
            self._read_for += self._clock.now() - begin
        # A long scan is made up for by several short pauses.
        passed = min(self._read_for, seconds)
        self._read_for -= passed
        if seconds > passed:
            self._clock.wait(seconds - passed)
        # What another thread read meanwhile took none of the time that is counted here.
        self._reading_since = None

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: NDArray[np.int64],
    ) -> Samples:
        """A rack has no clock that times outputs and readings together.

        Raises:
            DeviceFailed: always.
        """
        raise DeviceFailed(
            f"front end {self._name} is not hardware timed and cannot play a waveform; it is set "
            "and read point by point"
        )

    def abort(self) -> None:
        """End a pause that is going on."""
        self._clock.interrupt()

    def make_safe(self) -> None:
        """The last resort: every instrument that answers to zero volts or disconnected.

        Raises:
            DeviceFailed: naming those that do not answer; the others are off.
        """
        self._levels = None
        lost: list[str] = []
        for name, instrument in self.instruments.items():
            link = self._links.get(name)
            if link is None:
                continue
            link.revive()
            try:
                instrument.off()
            except DeviceFailed as error:
                lost.append(str(error))
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

    def _staged(self, changes: Mapping[str, Mapping[int, float]]) -> list[str]:
        """The instruments whose changes wait for one trigger, where there are several."""
        if self._connection.trigger is None:
            return []
        able = [name for name in changes if isinstance(self.instruments[name], Triggered)]
        return able if len(able) > 1 else []

    def _fire(self) -> None:
        assert self._connection.trigger is not None
        master = self.instruments[self._connection.trigger.master]
        assert isinstance(master, Triggered)
        master.fire()

    def _check_master(self) -> None:
        trigger = self._connection.trigger
        if trigger is None:
            return
        able = [name for name, each in self.instruments.items() if isinstance(each, Triggered)]
        if trigger.master not in able:
            raise InvalidInput(
                f"trigger.master is {trigger.master!r}, which must be a QDAC-II of the rack; "
                f"those are: {', '.join(able) or 'none'}"
            )

    def _check_open(self) -> None:
        if not self._links:
            raise DeviceFailed(f"front end {self._name} is not connected; open the device first")


def _begin(link: Link, unit: Unit) -> None:
    """Clear and reset where told; say what the error queue held before."""
    if unit.table.clear:
        link.ask("*CLS;*OPC?")
    if unit.table.reset:
        link.ask("*RST;*OPC?", extra_s=10.0)
    for error in link.errors():
        logger.warning("%s had error %s in its queue before this run", link, error)


def _instrument(unit: Unit, connection: Connection) -> RackInstrument:
    kinds: dict[str, Callable[[], RackInstrument]] = {
        "qdac2": lambda: Qdac2(unit, connection.trigger),
        "keysight33500": lambda: Keysight33500(unit),
        "daq970a": lambda: Daq970a(unit),
        "generic": lambda: GenericInstrument(unit),
    }
    return kinds[unit.table.kind]()

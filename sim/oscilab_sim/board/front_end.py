"""The front end `virtual`: a simulated board in this process, under a virtual clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import numpy as np
from pydantic import Field

from oscilab.arrays.description import Identity
from oscilab.bench.devices import Device
from oscilab.bench.tables import validated
from oscilab.errors import DeviceFailed
from oscilab.physics import Potential
from oscilab.types import IndexArray, IntArray, Volts
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.device import device_potential
from oscilab.wired.front_end import Aborted, FrontEndCapability, Samples
from oscilab.wired.waveform import Waveform
from oscilab_sim.board.board import VirtualBoard
from oscilab_sim.board.table import BoardTable, board_of

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Connection(BoardTable):
    """The table `connection` of a device with a virtual front end; see `BoardTable`."""

    range_V: Positive = 10.0
    max_rate_hz: Positive = 1e7
    update_s: Positive = 1e-4
    hardware_timed: bool = True
    output_readback: bool = True


class VirtualFrontEnd:
    """`AnalogFrontEnd` over a `VirtualBoard`."""

    board: VirtualBoard

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._abort = threading.Event()
        self._open = False
        self._began = time.monotonic()
        self._is_busy = False
        self._moving = threading.Lock()

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], name: str, where: str) -> VirtualFrontEnd:
        """Return the front end that the table `connection` describes, before `simulate`.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        return cls(validated(Connection, connection, where, ("devices", name, "connection")), name)

    def simulate(self, device: Device) -> None:
        """Build a board for the device's potential, wired as its bench says.

        Raises:
            InvalidInput: a bench that cannot be used.
        """
        channels = virtual_channels(device_potential(device), self._connection)
        self.board = board_of(device, channels, self._connection)
        self._lower, self._upper = np.array([(c.lower, c.upper) for c in channels.outputs]).T

    @property
    def channels(self) -> ChannelTable:
        """Every line."""
        return self.board.channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """What the connection table grants."""
        found: set[FrontEndCapability] = set()
        if self._connection.hardware_timed:
            found.add(FrontEndCapability.HARDWARE_TIMED)
        if self._connection.output_readback:
            found.add(FrontEndCapability.OUTPUT_READBACK)
        if self._connection.pace:
            found.add(FrontEndCapability.LIVE_INPUTS)
        return frozenset(found)

    @property
    def hardware(self) -> str | None:
        """The file that keeps the outputs, which several processes may share; None without one."""
        return self._connection.levels_file

    def reseed(self, seed: int) -> None:
        """Restart the random numbers of noise and bath; the board's flaws stay."""
        self.board.reseed(seed)

    def connect(self) -> Identity:
        """Return its identity; nothing is driven."""
        self._open = True
        self._began = time.monotonic()
        serial = f"virtual-{self.board.flaws.seed}"
        return Identity(name=self._name, kind="virtual", serial=serial, simulated=True)

    def close(self) -> None:
        """Disconnect; outputs stay."""
        self._open = False

    def read_outputs(self) -> Volts:
        """Return what the outputs are at, `[output]`."""
        self._check_open()
        if not self._connection.output_readback:
            raise DeviceFailed(f"front end {self._name} cannot read its outputs back")
        return np.array(self.board.levels)

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]`."""
        self._catch_up()
        self._check_made(np.arange(len(self.channels.outputs)), volts, volts)
        self.board.set_outputs(volts)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Return readings of this instant, `[input, sample]`.

        While a waveform keeps pace, oscillators stand still: they move once it is over, and a
        sensor shows until then what it showed before.
        """
        with self._moving:
            if self._is_busy:
                return self.board.read(inputs, samples, self._now())
            self._catch_up()
            return self.board.read(inputs, samples)

    def pause(self, seconds: float) -> None:
        """Advance the board's clock.

        Raises:
            Aborted: `abort` was called meanwhile.
        """
        with self._busy():
            if self._connection.pace and self._abort.wait(seconds * self._connection.pace):
                raise Aborted(f"front end {self._name} stopped a pause that was aborted")
            self.board.advance(seconds)

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """Play a waveform; see `AnalogFrontEnd`."""
        self._check_open()
        if not self._connection.hardware_timed:
            raise DeviceFailed(
                f"front end {self._name} is not hardware timed and cannot play a waveform; it is "
                "set and read point by point"
            )
        self._check_made(waveform.lines, *waveform.extremes)
        if rate_hz > self.channels.max_rate_hz * (1 + 1e-9):
            raise DeviceFailed(
                f"front end {self._name} was asked for {rate_hz:g} samples a second; it can do "
                f"{self.channels.max_rate_hz:g}"
            )
        with self._busy():
            if self._connection.pace:
                self._keep_pace(waveform, rate_hz)
            return Samples(self.board.run(waveform, rate_hz, inputs, read), rate_hz)

    def abort(self) -> None:
        """Stop a waveform or a pause that keeps pace with real time."""
        self._abort.set()

    def make_safe(self) -> None:
        """Set the levels that the outputs have without power: zero volts, switches off."""
        self.board.levels[:] = [channel.safe for channel in self.channels.outputs]

    @contextmanager
    def _busy(self) -> Generator[None]:
        """Keep the board's clock for this thread; another one may read, and not advance it."""
        with self._moving:
            self._catch_up()
            self._abort.clear()
            self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def _keep_pace(self, waveform: Waveform, rate_hz: float) -> None:
        total = waveform.seconds(rate_hz) * self._connection.pace
        began = time.monotonic()
        finished = False
        try:
            stopped = self._abort.wait(total)
            finished = not stopped
        finally:
            if not finished:
                share = min((time.monotonic() - began) / total, 1.0)
                sample = min(int(share * waveform.repeats * waveform.length), 2**62)
                step = int(waveform.step_of(np.array([sample % waveform.length]))[0])
                levels = np.array(self.board.levels)
                levels[waveform.lines] = waveform.levels[:, step]
                self.board.levels[:] = levels
        if stopped:
            raise Aborted(f"front end {self._name} stopped a waveform that was aborted")

    def _now(self) -> float:
        """Return seconds of the board's clock, where it keeps pace with real time."""
        return (time.monotonic() - self._began) / self._connection.pace

    def _catch_up(self) -> None:
        """Advance a clock that keeps pace by the time since the last call."""
        self._check_open()
        if self._connection.pace:
            self.board.advance(self._now() - self.board.seconds)

    def _check_made(self, lines: IndexArray, lowest: Volts, highest: Volts) -> None:
        """Refuse volts out of the converters' range, as drivers of real boards do."""
        inside = (lowest >= self._lower[lines]) & (highest <= self._upper[lines])
        if not inside.all():
            row = int(np.flatnonzero(~inside)[0])
            channel = self.channels.outputs[int(lines[row])]
            raise DeviceFailed(
                f"output {channel.name} of front end {self._name} was asked for {lowest[row]:g} to "
                f"{highest[row]:g} V, but makes {channel.lower:g} to {channel.upper:g} V"
            )

    def _check_open(self) -> None:
        if not self._open:
            raise DeviceFailed(f"front end {self._name} is not connected; open the device first")


def virtual_channels(potential: Potential, connection: Connection) -> ChannelTable:
    """Return the lines that the potential needs, and inputs di0, di1 and aux0 for interlocks."""
    bits = connection.imperfections
    reach = connection.range_V
    sites = potential.oscillators

    def analog(name: str, direction: str, resolution: int | None) -> Channel:
        step = 2 * reach / 2**resolution if resolution else 0.0
        way = "out" if direction == "out" else "in"
        return Channel(name, "analog", way, -reach, reach, step)

    channels = [
        *(analog(f"ao{n}", "out", bits.dac_bits) for n in range(potential.parameters + sites)),
        Channel("do0", "digital", "out"),
        *(analog(f"ai{n}", "in", bits.adc_bits) for n in range(2 * sites)),
        Channel("di0", "digital", "in"),
        Channel("di1", "digital", "in"),
        analog("aux0", "in", bits.adc_bits),
    ]
    return ChannelTable(channels, connection.max_rate_hz, connection.update_s)

"""The Keysight 33500B and 33600A, whose channels hold levels or play uploaded waveforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_visa.connection import Keysight33500Table, Unit, numbers_in
from oscilab_visa.instrument import Linked, identified, no_inputs
from oscilab_visa.link import Link

RANGE_V = 10.0
"""Into an open circuit."""
STEPS = 2**16
MODELS = ["335", "336"]
OPEN = 9e37
"""Larger loads stand for an open circuit."""


class Keysight33500(Linked):
    """Channels that hold levels as the function DC, set for an open circuit.

    Levels change when the command arrives; they cannot be staged.
    """

    reads_back = True

    def __init__(self, unit: Unit) -> None:
        table = unit.table
        assert isinstance(table, Keysight33500Table)
        self.name, self._serial = unit.name, unit.serial
        self._numbers = numbers_in(table.channels, f"instruments.{unit.name}.channels")
        if not set(self._numbers) <= {1, 2}:
            raise InvalidInput(
                f"instruments.{unit.name}.channels is {table.channels!r}, but there are 1 and 2"
            )
        step = 2 * RANGE_V / STEPS
        self.outputs = [
            Channel(f"{unit.name}_{number}", "analog", "out", -RANGE_V, RANGE_V, step)
            for number in self._numbers
        ]
        self.inputs: Sequence[Channel] = ()
        self._ready: set[int] = set()

    def connect(self, link: Link) -> str:
        """See `RackInstrument`."""
        self._link = link
        self._ready.clear()
        model, serial = identified(link, [f",{model}" for model in MODELS], self._serial)
        if model.endswith(("1A", "1B", "09B")) and 2 in self._numbers:
            raise DeviceFailed(f"{link} is a {model} with one channel; remove channel 2")
        return serial

    def read_outputs(self) -> list[float]:
        """Return the open-circuit level of each channel, the offset if it plays a waveform."""
        return [self._level(number) for number in self._numbers]

    def set(self, levels: Mapping[int, float]) -> None:
        """Set outputs one after the other."""
        for output, volts in levels.items():
            number = self._numbers[output]
            if number not in self._ready:
                self._prepare(number)
            self.link.command(f"SOUR{number}:VOLT:OFFS {float(volts)!r}")

    def upload(self, output: int, volts: Volts, rate_hz: float) -> None:
        """Load a waveform `[sample]`, played once per external trigger.

        Raises:
            DeviceFailed: the instrument refuses it.
        """
        number, name = self._numbers[output], "OSCILAB"
        middle = float(volts.max() + volts.min()) / 2
        half = max(float(volts.max() - volts.min()) / 2, 5e-4)
        self.link.command("FORM:BORD NORM")
        self.link.command(f"SOUR{number}:DATA:VOL:CLE")
        shape = np.clip((volts - middle) / half, -1.0, 1.0)
        self.link.upload(f"SOUR{number}:DATA:ARB {name},", shape.tolist(), "f", True)
        self.link.command(
            f"SOUR{number}:FUNC:ARB {name};:OUTP{number}:LOAD INF;:SOUR{number}:FUNC ARB;"
            f":SOUR{number}:FUNC:ARB:SRAT {float(rate_hz)!r};:SOUR{number}:VOLT {2 * half!r};"
            f":SOUR{number}:VOLT:OFFS {middle!r};:SOUR{number}:BURS:MODE TRIG;"
            f":SOUR{number}:BURS:NCYC 1;:SOUR{number}:BURS:STAT ON;"
            f":TRIG{number}:SOUR EXT;:OUTP{number} ON"
        )
        self._ready.discard(number)

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Refuse: there are no inputs."""
        raise no_inputs(self._link, names)

    def seconds(self, names: Sequence[str]) -> float:
        """Return zero; there are no inputs."""
        return 0.0

    def off(self) -> None:
        """Disconnect the outputs."""
        self._ready.clear()
        for number in self._numbers:
            self.link.command(f"OUTP{number} OFF")

    def _level(self, number: int) -> float:
        on, offset, load = (
            self.link.numbers(query, 1)[0]
            for query in (f"OUTP{number}?", f"SOUR{number}:VOLT:OFFS?", f"OUTP{number}:LOAD?")
        )
        if not on:
            return 0.0
        return offset if load > OPEN else offset * (load + 50.0) / load

    def _prepare(self, number: int) -> None:
        """Make the channel a connected DC source for an open circuit, without a jump."""
        level = self._level(number)
        self.link.command(
            f":OUTP{number}:LOAD INF;:SOUR{number}:VOLT:RANG:AUTO ON;"
            f":SOUR{number}:VOLT:OFFS {level!r};:SOUR{number}:FUNC DC;:OUTP{number} ON"
        )
        self._ready.add(number)

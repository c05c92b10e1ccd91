"""{{ cookiecutter.front_end }}: the lines of {{ cookiecutter.name }}, in volts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from oscilab.arrays import Identity
from oscilab.bench import Device
from oscilab.bench.tables import Table, validated
from oscilab.types import IntArray, Volts
from oscilab.wired import Channel, ChannelTable, FrontEndCapability, Samples, Waveform

from {{ cookiecutter.module }}.hardware import Hardware


class Connection(Table):
    """The table `connection` of a device in a bench file."""

    resource: Literal["simulated"]
    """Which hardware; allow the addresses of yours."""


def lines() -> ChannelTable:
    """Every line of the hardware."""
    reach = {{ cookiecutter.range_V }}
    return ChannelTable(
        [
            *(Channel(f"ao{n}", "analog", "out", -reach, reach) for n in range({{ cookiecutter.analog_outputs }})),
            Channel("do0", "digital", "out"),
            *(Channel(f"ai{n}", "analog", "in", -reach, reach) for n in range({{ cookiecutter.analog_inputs }})),
            Channel("di0", "digital", "in"),
        ],
        max_rate_hz=1e6,
        update_s=1e-3,
    )


class {{ cookiecutter.front_end }}:
    """`AnalogFrontEnd` over `Hardware`; oscilab checks limits and ramps before it calls."""

    _hardware: Hardware

    def __init__(self, channels: ChannelTable, name: str) -> None:
        self._channels = channels
        self._name = name

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], name: str, where: str) -> Self:
        """Return the front end that a bench file describes, not yet connected."""
        validated(Connection, connection, where, ("devices", name, "connection"))
        return cls(lines(), name)

    def simulate(self, device: Device) -> None:
        """Put simulated hardware behind the lines; with hardware, delete this, and open it above."""
        self._hardware = Hardware(device, self._channels)

    @property
    def channels(self) -> ChannelTable:
        """Every line."""
        return self._channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """What the hardware can do beyond setting and reading lines."""
        return frozenset({FrontEndCapability.HARDWARE_TIMED, FrontEndCapability.OUTPUT_READBACK})

    @property
    def hardware(self) -> str | None:
        """What no two processes may drive at once: name your hardware's address."""
        return None

    def connect(self) -> Identity:
        """Open the hardware, drive nothing, and say which device it is."""
        self._hardware.open()
        return Identity(
            name=self._name,
            kind="{{ cookiecutter.name }}",
            serial=self._hardware.serial,
            simulated=self._hardware.is_simulated,
        )

    def close(self) -> None:
        """Close the hardware; outputs stay as they are."""
        self._hardware.close()

    def read_outputs(self) -> Volts:
        """Return the levels of the outputs, `[output]`."""
        return self._hardware.levels()

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]` at once."""
        self._hardware.set(volts)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Read the named inputs, `[input, sample]`."""
        return self._hardware.read(inputs, samples)

    def pause(self, seconds: float) -> None:
        """Let time pass, outputs held."""
        self._hardware.wait(seconds)

    def exchange(
        self, waveform: Waveform, rate_hz: float, inputs: Sequence[str], read: IntArray
    ) -> Samples:
        """Play `waveform` and read the named inputs, by one clock and one trigger."""
        volts, rate = self._hardware.play(waveform, rate_hz, inputs, read)
        return Samples(volts, rate)

    def abort(self) -> None:
        """Stop `exchange` or `pause` from another thread; outputs hold."""
        self._hardware.stop()

    def make_safe(self) -> None:
        """Bring the outputs to their safe values where they cannot be ramped."""
        self._hardware.to_safe(np.array([channel.safe for channel in self._channels.outputs]))

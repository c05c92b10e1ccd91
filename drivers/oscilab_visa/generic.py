"""An instrument described in the bench file by its commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_visa.connection import GenericTable, Unit
from oscilab_visa.instrument import Linked, identified
from oscilab_visa.link import Link

FIELDS = {
    "set": {"channel", "volts"}, "get": {"channel"}, "read": {"channel"}, "upload": {"channel"},
    "trigger": {"channel"}, "error": set[str](), "off": {"channel"},
}  # fmt: skip
"""The fields that each template may have."""


class GenericInstrument(Linked):
    """Sets, reads and uploads by templates, with one message per channel."""

    def __init__(self, unit: Unit) -> None:
        table = unit.table
        assert isinstance(table, GenericTable)
        self.name, self._table, self._serial = unit.name, table, unit.serial
        self.reads_back = table.get is not None or not table.outputs
        _check_templates(table, f"instruments.{unit.name}")
        low, high = table.output_range
        self.outputs = [
            Channel(f"{unit.name}_{name}", "analog", "out", low, high) for name in table.outputs
        ]
        low, high = table.input_range
        self.inputs = [
            Channel(f"{unit.name}_{name}", "analog", "in", low, high) for name in table.inputs
        ]

    def connect(self, link: Link) -> str:
        """See `RackInstrument`."""
        self._link = link
        return identified(link, [self._table.identity], self._serial)[1]

    def read_outputs(self) -> list[float]:
        """Return the levels of the outputs, NaN without the command `get`."""
        template = self._table.get
        if template is None:
            return [0.0] * len(self.outputs) if not self.outputs else [np.nan] * len(self.outputs)
        return [
            self.link.numbers(template.format(channel=name), 1)[0] for name in self._table.outputs
        ]

    def set(self, levels: Mapping[int, float]) -> None:
        """Set outputs one after the other."""
        assert self._table.set is not None
        for output, volts in levels.items():
            channel = self._table.outputs[output]
            self.link.command(self._table.set.format(channel=channel, volts=float(volts)))

    def upload(self, output: int, volts: Volts) -> None:
        """Load a waveform `[sample]` for `start`.

        Raises:
            DeviceFailed: the instrument refuses it, or the bench file has no command for it.
        """
        if self._table.upload is None:
            raise DeviceFailed(f"{self._link} cannot take a waveform; state its command upload")
        header = self._table.upload.format(channel=self._table.outputs[output])
        self.link.upload(header, volts.tolist(), "f", self._table.big_endian)

    def start(self, output: int) -> None:
        """Play the waveform of an output.

        Raises:
            DeviceFailed: the bench file has no command for it.
        """
        if self._table.trigger is None:
            raise DeviceFailed(f"{self._link} cannot be triggered; state its command trigger")
        self.link.command(self._table.trigger.format(channel=self._table.outputs[output]))

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Return readings `[input, sample]`, with one query each."""
        assert self._table.read is not None
        found = np.empty((len(names), samples))
        for sample in range(samples):
            for row, name in enumerate(names):
                channel = name.removeprefix(f"{self.name}_")
                query = self._table.read.format(channel=channel)
                found[row, sample] = self.link.numbers(query, 1, self._table.reading_s)[0]
        return found

    def seconds(self, names: Sequence[str]) -> float:
        """Return the duration of a reading of these inputs in seconds, as in the bench file."""
        return self._table.reading_s * len(names)

    def off(self) -> None:
        """Send the command `off`, for every output if it has a field for the channel."""
        if self._table.off is None:
            return
        for channel in self._table.outputs:
            self.link.command(self._table.off.format(channel=channel))
            if "{channel}" not in self._table.off:
                return


def _check_templates(table: GenericTable, where: str) -> None:
    for what, known in FIELDS.items():
        template = getattr(table, what)
        for field in re.findall(r"\{(\w*)[^}]*\}", template or ""):
            if field not in known:
                names = ", ".join(f"{{{name}}}" for name in sorted(known)) or "no field"
                raise InvalidInput(
                    f"{where}.{what} is {template!r}, but knows {names}, not {{{field}}}; fix it"
                )

"""A virtual instrument with the commands of its description in a bench file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from oscilab.types import Float64Array
from oscilab_sim.scpi.backplane import Backplane, Program
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import Instrument
from oscilab_sim.scpi.message import Call, Overrun, commands, plain
from oscilab_visa.connection import GenericTable

NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
LARGEST_V = 10.0
RATE_HZ = 1e3
TEMPLATES = ("set", "get", "read", "upload", "trigger", "error", "off")


class GenericInstrument(Instrument):
    """An instrument described by `table`, with command templates such as `VSET{channel} {volts}`.

    Lines are matched with the templates regardless of case. A line that matches none is tried as
    a command of IEEE 488.2.
    """

    def __init__(
        self,
        name: str,
        serial: str,
        backplane: Backplane,
        table: GenericTable,
    ) -> None:
        super().__init__(f"{table.identity},GENERIC,{serial},1.0")
        self._name, self._backplane = name, backplane
        self._outputs = table.outputs
        self._levels = dict.fromkeys(self._outputs, 0.0)
        self._waveforms: dict[str, Float64Array] = {}
        self._values = ">f4" if table.big_endian else "<f4"
        templates = {what: getattr(table, what) for what in TEMPLATES}
        self._patterns = {
            what: re.compile(
                _expression(template) + ("(?P<data>#.*)" if what == "upload" else ""),
                re.IGNORECASE | re.DOTALL,
            )
            for what, template in templates.items()
            if template is not None
        }

    def handle(self, message: bytes | Overrun) -> str | None:
        """Execute one line."""
        if isinstance(message, Overrun):
            return super().handle(message)
        text = message.decode("latin-1")
        for what, pattern in self._patterns.items():
            found = pattern.fullmatch(text.strip() if what != "upload" else text)
            if found is not None:
                try:
                    return self._do(what, found.groupdict())
                except ScpiError as error:
                    self.note(error)
                    return None
        return super().handle(message)

    def reset(self) -> None:
        """Set all outputs to 0 V."""
        self._put(dict.fromkeys(self._outputs, 0.0))

    def _do(self, what: str, values: Mapping[str, str | None]) -> str | None:
        channel = values.get("channel") or ""
        if what == "set":
            return self._set(channel, values.get("volts") or "")
        if what == "get":
            return plain(self._levels[self._checked(channel)])
        if what == "read":
            return plain(self._backplane.read([f"{self._name}_{channel}"], 0.0)[0])
        if what == "error":
            code, text = self.errors.pop()
            return f'{code},"{text}"'
        if what == "off":
            self.reset()
        if what == "upload":
            self._upload(channel, values.get("data") or "")
        if what == "trigger":
            self._play(channel)
        return None

    def _upload(self, channel: str, data: str) -> None:
        self._checked(channel)
        command = next(commands(b"DATA " + data.encode("latin-1")))
        values = Call(command.parameters, is_query=False).block(0, self._values)
        if not (np.abs(values) <= LARGEST_V).all():
            raise ScpiError(-222)
        self._waveforms[channel] = values

    def _play(self, channel: str) -> None:
        """Play one waveform or all; outputs stay at the final level."""
        names = [channel] if channel else list(self._waveforms)
        if not names or any(name not in self._waveforms for name in names):
            raise ScpiError(-221)
        ends = {name: float(self._waveforms[name][-1]) for name in names}
        self.busy_s += self._backplane.play(
            [
                Program(f"{self._name}_{name}", self._waveforms[name], RATE_HZ, ends[name])
                for name in names
            ]
        )
        self._levels.update(ends)

    def _set(self, channel: str, volts: str) -> None:
        level = float(volts)
        if abs(level) > LARGEST_V:
            raise ScpiError(-222)
        self._put({self._checked(channel): level})

    def _checked(self, channel: str) -> str:
        if channel not in self._levels:
            raise ScpiError(-114)
        return channel

    def _put(self, levels: Mapping[str, float]) -> None:
        self._levels.update(levels)
        self._backplane.drive({f"{self._name}_{key}": volts for key, volts in levels.items()})


def _expression(template: str) -> str:
    """Return the regular expression of a template; `{channel}` is a word, other fields numbers."""
    parts: list[str] = []
    for text, field in re.findall(r"([^{}]*)(?:\{(\w+)[^{}]*\})?", template):
        parts.append(re.escape(text))
        if field:
            expression = r"(\w+)" if field == "channel" else NUMBER
            parts.append(expression.replace("(", f"(?P<{field}>", 1))
    return "".join(parts)

"""A virtual instrument that understands the commands by which a bench file describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from oscilab_sim.scpi.backplane import Backplane
from oscilab_sim.scpi.call import plain
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.framing import Overrun
from oscilab_sim.scpi.instrument import Instrument

NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
LARGEST_V = 10.0


class GenericInstrument(Instrument):
    """`commands` are templates such as `VSET{channel} {volts}`, by what they do.

    Every line is compared with them, whatever its case; what fits none is looked for among the
    commands of IEEE 488.2, and otherwise an unknown header.
    """

    def __init__(
        self,
        name: str,
        serial: str,
        backplane: Backplane,
        commands: Mapping[str, str],
        outputs: Sequence[str],
        maker: str = "Example",
    ) -> None:
        super().__init__(f"{maker},GENERIC,{serial},1.0")
        self._name, self._backplane = name, backplane
        self._outputs = list(outputs)
        self._levels = dict.fromkeys(self._outputs, 0.0)
        self._patterns = {
            what: re.compile(_expression(template), re.IGNORECASE)
            for what, template in commands.items()
        }

    def handle(self, message: bytes | Overrun) -> str | None:
        """Execute one line."""
        if isinstance(message, Overrun):
            return super().handle(message)
        text = message.decode("latin-1").strip()
        for what, pattern in self._patterns.items():
            found = pattern.fullmatch(text)
            if found is not None:
                try:
                    return self._do(what, found.groupdict())
                except ScpiError as error:
                    self.note(error)
                    return None
        return super().handle(message)

    def reset(self) -> None:
        """Outputs to 0 V."""
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
        if what == "wait":
            seconds = float(values.get("seconds") or 0)
            self._backplane.wait(seconds)
            self.busy_s += seconds
            return "1"
        if what == "clock":
            return repr(self._backplane.now)
        return None

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
    """A regular expression for a template; `{channel}` is a word, other fields are numbers."""
    parts: list[str] = []
    for text, field in re.findall(r"([^{}]*)(?:\{(\w+)[^{}]*\})?", template):
        parts.append(re.escape(text))
        if field:
            expression = r"(\w+)" if field == "channel" else NUMBER
            parts.append(expression.replace("(", f"(?P<{field}>", 1))
    return "".join(parts)

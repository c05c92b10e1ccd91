"""The commands that an instrument knows, found by their long, short or mixed forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from oscilab_sim.scpi.call import Call
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.message import Command

Handler = Callable[[Call], str | None]
MOST_CACHED = 4096
_NODE = re.compile(r"(\[)?:?(\*?[A-Za-z]+)(#)?(\])?")


@dataclass(frozen=True)
class _Entry:
    expression: re.Pattern[str]
    set: Handler | None
    ask: Handler | None


class CommandTree:
    """Commands by pattern: `[SOURce#]:VOLTage[:LEVel]`.

    Capitals are the short form, brackets what may be left out, `#` where a number may follow
    (1 where it does not).
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._known: dict[str, tuple[_Entry, tuple[int, ...]]] = {}

    def add(self, pattern: str, set: Handler | None = None, ask: Handler | None = None) -> None:
        """A command (`set`), a query (`ask`) or both."""
        self._entries.append(_Entry(re.compile(_expression(pattern)), set, ask))

    def run(self, command: Command) -> str | None:
        """Execute, and return the reply of a query.

        Raises:
            ScpiError: an unknown header, or whatever the handler refuses.
        """
        entry, suffixes = self._find(command.header)
        handler = entry.ask if command.is_query else entry.set
        if handler is None:
            raise ScpiError(-113)
        return handler(Call(command.parameters, command.is_query, suffixes))

    def _find(self, header: str) -> tuple[_Entry, tuple[int, ...]]:
        if header in self._known:
            return self._known[header]
        for entry in self._entries:
            match = entry.expression.fullmatch(":" + header)
            if match is not None:
                numbers = tuple(int(text) if text else 1 for text in match.groups())
                if len(self._known) >= MOST_CACHED:
                    self._known.clear()
                self._known[header] = (entry, numbers)
                return entry, numbers
        raise ScpiError(-113)


def _expression(pattern: str) -> str:
    """A regular expression for whole headers, with a colon before every word."""
    parts: list[str] = []
    for opened, word, numbered, _ in _NODE.findall(pattern):
        short = re.sub("[a-z]", "", word)
        forms = "|".join(dict.fromkeys([re.escape(short), re.escape(word.upper())]))
        node = f":(?:{forms})" + (r"(\d{1,4})?" if numbered else "")
        parts.append(f"(?:{node})?" if opened else node)
    return "".join(parts)

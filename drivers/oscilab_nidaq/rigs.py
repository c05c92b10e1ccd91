"""The rigs of a device: kept for the next waveform on the same lines, one of them playing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from oscilab.wired.channels import ChannelTable
from oscilab.wired.waveform import Waveform
from oscilab_nidaq.connection import Connection

if TYPE_CHECKING:
    from oscilab_nidaq.rig import Rig
    from oscilab_nidaq.session import Session

KEPT = 8
"""Sets of tasks that are kept for the next waveform on the same lines."""


class Rigs:
    """Which of the rigs plays what, and how far a waveform came that was cut short."""

    def __init__(self, connection: Connection, channels: ChannelTable) -> None:
        self._connection = connection
        self._channels = channels
        self._kept: dict[tuple[str, ...], Rig] = {}
        self._playing: Rig | None = None
        self._unstopped: Rig | None = None
        self._waveform: Waveform | None = None

    @property
    def is_playing(self) -> bool:
        """Whether a waveform is under way."""
        return self._playing is not None

    @contextmanager
    def playing(
        self, session: Session, waveform: Waveform, inputs: Sequence[str]
    ) -> Generator[Rig]:
        """The rig that plays `waveform` within the block, at whose end it is stopped."""
        rig = self._rig(session, waveform, inputs)
        self._unstopped, self._waveform = rig, waveform
        self._playing = rig
        try:
            yield rig
        finally:
            self._playing = None
        self.stop()

    def stop(self) -> None:
        """Stop what was played last, and let go of its lines, unless that was done already.

        Whatever cut a waveform short, a signal in the middle of a call to NI-DAQmx included.
        """
        if self._unstopped is not None:
            self._unstopped.stop()
            self._unstopped = None

    def halt(self) -> None:
        """Stop the clock of what plays, from any thread."""
        playing = self._playing
        if playing is not None:
            playing.halt()

    def played(self, waveform: Waveform, answers: bool) -> int | None:
        """How many samples of `waveform` went out, its clock stopped; None where NI-DAQmx does
        not tell, or is not to be asked since nothing `answers`.
        """
        if waveform is not self._waveform:
            return 0
        if self._unstopped is None:
            return waveform.repeats * waveform.length
        return self._unstopped.cut() if answers else None

    def close(self) -> None:
        """Let go of all tasks, also where one fails."""
        kept, self._kept = self._kept, {}
        self._unstopped = None
        with ExitStack() as closes:
            for rig in kept.values():
                closes.callback(rig.close)

    def _rig(self, session: Session, waveform: Waveform, inputs: Sequence[str]) -> Rig:
        from oscilab_nidaq.rig import Rig

        outputs = [self._channels.outputs[number] for number in waveform.lines.tolist()]
        key = (*(channel.name for channel in outputs), "", *inputs)
        rig = self._kept.pop(key, None)
        if rig is None:
            chosen = [self._channels.input(name) for name in inputs]
            rig = Rig(session, self._connection, outputs, chosen)
        # The least recently played goes first.
        self._kept[key] = rig
        if len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept))).close()
        return rig

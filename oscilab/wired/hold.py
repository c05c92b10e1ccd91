"""Having a device: no other process drives it, and its front end is connected."""

from __future__ import annotations

from oscilab.wired.drive import Drive
from oscilab.wired.lock import DeviceLock
from oscilab.wired.opening import Wires


class Hold:
    """The device of `wires`, connected and not driven, until `let_go`.

    `identity` is what it says that it is; `drive` brings its outputs elsewhere.

    Raises:
        DeviceBusy: another process drives it.
        DeviceFailed: it cannot be connected.
    """

    def __init__(self, wires: Wires) -> None:
        self._front_end = wires.front_end
        self.drive = Drive(
            wires.front_end,
            wires.limits,
            wires.interlocks,
            wires.name,
            assume_safe=wires.settings.start == "assume-safe",
        )
        hardware = wires.front_end.hardware
        self._lock = DeviceLock(hardware, wires.name) if hardware else None
        try:
            self.identity = wires.front_end.connect()
        except BaseException:
            self._unlock()
            raise

    def let_go(self) -> None:
        """Let others have it, outputs as they are; idempotent."""
        try:
            self.drive.let_go()
            self._front_end.close()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

"""Watchdog timers: outputs go to stated levels when the host falls silent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.faults import DaqFault


@dataclass(eq=False)
class Watchdog:
    """The watchdog of one board. It counts real time, also where the clock is virtual."""

    name: str
    device: str
    timeout: float
    states: dict[str, float] = field(default_factory=dict[str, float])
    deadline: float | None = None
    expired: bool = False

    def start(self) -> None:
        """Begin to count."""
        self.deadline = time.monotonic() + self.timeout if self.timeout >= 0 else None

    def stop(self) -> None:
        """Count no more."""
        self.deadline = None

    def reset(self) -> None:
        """The host is there.

        Raises:
            DaqFault: it came too late.
        """
        if self.expired:
            raise DaqFault(
                DAQmxErrors.CANT_RESET_EXPIRED_WATCHDOG,
                "Watchdog timer cannot be reset, because it has already expired.\n\nClear the "
                f"expiration first.\n\nTask Name: {self.name}",
            )
        if self.deadline is not None:
            self.start()

    def clear_expiration(self) -> None:
        """Give the outputs back."""
        self.expired = False
        self.stop()

    @property
    def is_due(self) -> bool:
        """Whether its time has run out just now."""
        return not self.expired and self.deadline is not None and time.monotonic() > self.deadline

"""Tasks, with channels, timing, triggers, states and buffers; and watchdog tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from nidaqmx.constants import AcquisitionType, Edge, OverwriteMode, RegenerationMode, SyncType
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import FloatArray
from oscilab_sim.nidaq.buffers import InputBuffer, LogFile, Logging, OutputBuffer
from oscilab_sim.nidaq.calls import DaqFault
from oscilab_sim.nidaq.chassis import Place

TIMEBASE_HZ = 100_000_000
"""The timebase. As on the boards, sample clocks are whole divisions of it."""
DEFAULT_SAMPLES = 1000
INPUT_BUFFERS = ((100.0, 1000), (10_000.0, 10_000), (1_000_000.0, 100_000))
"""Default buffer of a continuous task by rate, as in NI-DAQmx; 1 MS above."""


def divided(rate_hz: float) -> int:
    """Return the ticks per sample of the clock that a board makes for `rate_hz`.

    Without an exact division of the timebase it is the next faster clock, as in NI-DAQmx.
    """
    return max(1, int(TIMEBASE_HZ / rate_hz * (1 + 1e-12)))


class Kind(StrEnum):
    """The kind of a task's channels; a task has one kind."""

    AI = "ai"
    AO = "ao"
    DI = "di"
    DO = "do"

    @property
    def is_output(self) -> bool:
        """Whether the channels are outputs."""
        return self in (Kind.AO, Kind.DO)

    @property
    def is_digital(self) -> bool:
        """Whether the channels are digital lines."""
        return self in (Kind.DI, Kind.DO)


class State(IntEnum):
    """NI's task state model."""

    UNVERIFIED = 0
    VERIFIED = 1
    RESERVED = 2
    COMMITTED = 3
    RUNNING = 4


@dataclass
class VirtualChannel:
    """A virtual channel: one analog channel, or one or more lines."""

    name: str
    places: list[Place]
    low: float = -10.0
    high: float = 10.0
    terminal: int = 10106


@dataclass
class Trigger:
    """A digital edge at a terminal, or none."""

    source: str | None = None
    edge: int = Edge.RISING.value
    pretrigger: int = 0


@dataclass
class ReferenceClock:
    """The reference of a board's timebase. It has no effect: virtual boards share one timebase."""

    source: str = ""
    rate_hz: float = 10e6


@dataclass
class Timing:
    """Timing of a task: on demand unless `clocked`. An empty `source` is the board's own clock."""

    clocked: bool = False
    source: str = ""
    rate_hz: float = 1000.0
    edge: int = Edge.RISING.value
    mode: int = AcquisitionType.FINITE.value
    samples: int = DEFAULT_SAMPLES

    @property
    def period(self) -> int:
        """Ticks between samples."""
        return divided(self.rate_hz)

    @property
    def true_rate_hz(self) -> float:
        """The actual rate, a division of the timebase."""
        return TIMEBASE_HZ / self.period

    @property
    def is_finite(self) -> bool:
        """Whether the number of samples is finite."""
        return self.mode == AcquisitionType.FINITE.value


@dataclass(eq=False)
class VirtualTask:
    """A task of the virtual NI-DAQmx.

    While it runs, `begin` is the tick of its first sample (None until it is triggered) and
    `position` the number of samples acquired or generated. `fault` is the error that ended it,
    `before` the state to which a stop returns, `clock_owner` the task whose sample clock it uses.
    The first `skip` samples came too early for its reference trigger. If it `retriggers`, `begin`
    and `position` count from the last trigger.
    """

    name: str
    kind: Kind | None = None
    channels: list[VirtualChannel] = field(default_factory=list[VirtualChannel])
    timing: Timing = field(default_factory=Timing)
    start_trigger: Trigger = field(default_factory=Trigger)
    reference_trigger: Trigger = field(default_factory=Trigger)
    retriggers: bool = False
    sync_type: int = SyncType.NONE.value
    reference_clock: ReferenceClock = field(default_factory=ReferenceClock)
    logging: Logging = field(default_factory=Logging)
    state: State = State.UNVERIFIED
    before: State = State.UNVERIFIED
    begin: int | None = None
    position: int = 0
    fault: DaqFault | None = None
    started_by_call: bool = False
    input_size: int | None = None
    output_size: int | None = None
    overwrite: int = OverwriteMode.DO_NOT_OVERWRITE_UNREAD_SAMPLES.value
    regeneration: int = RegenerationMode.ALLOW_REGENERATION.value
    attributes: dict[int, object] = field(default_factory=dict[int, object])
    clock_owner: VirtualTask | None = None
    is_triggered: bool = False
    skip: int = 0
    log: LogFile | None = None
    incoming: InputBuffer | None = None
    outgoing: OutputBuffer | None = None

    @property
    def lines(self) -> list[Place]:
        """Every physical channel or line, in order."""
        return [place for channel in self.channels for place in channel.places]

    @property
    def devices(self) -> list[str]:
        """Its devices, in order of mention."""
        return list(dict.fromkeys(place.device for place in self.lines))

    @property
    def names(self) -> list[str]:
        """Names of its physical channels."""
        return [place.name for place in self.lines]

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped, even after its last sample."""
        return self.state is State.RUNNING

    @property
    def total(self) -> int | None:
        """The number of samples after which it is done; None if it is continuous."""
        return self.skip + self.timing.samples if self.timing.is_finite else None

    @property
    def is_done(self) -> bool:
        """Whether it has ended, failed or not been started."""
        if not self.is_running or self.fault is not None:
            return True
        return self.has_all and not self.retriggers

    @property
    def has_all(self) -> bool:
        """Whether a finite task has reached its last sample for the last trigger."""
        return self.timing.clocked and self.total is not None and self.position >= self.total

    @property
    def is_ticking(self) -> bool:
        """Whether its clock is running."""
        return self.is_running and not self.is_done and self.begin is not None

    @property
    def ends(self) -> bool:
        """Whether the total number of samples is finite."""
        return self.timing.is_finite and not self.retriggers

    @property
    def next_tick(self) -> int:
        """The tick of its next sample."""
        assert self.begin is not None
        return self.begin + self.position * self.timing.period

    @property
    def regenerates(self) -> bool:
        """Whether it repeats its buffer."""
        return self.regeneration == RegenerationMode.ALLOW_REGENERATION.value

    def buffer_size(self) -> int:
        """Return the size of the input buffer in samples per channel."""
        if self.input_size:
            return self.input_size
        if self.ends:
            return self.timing.samples
        size = next(
            (size for rate, size in INPUT_BUFFERS if self.timing.rate_hz <= rate), 1_000_000
        )
        return max(size, self.timing.samples)

    def room(self) -> int | None:
        """Return how many samples it can acquire or generate before it fails; None if unlimited."""
        if self.incoming is not None and not self.kind_is_output():
            if self.overwrite == OverwriteMode.OVERWRITE_UNREAD_SAMPLES.value:
                return None
            return self.incoming.room
        if self.outgoing is not None and not self.regenerates:
            return self.outgoing.written - self.position
        return None

    def kind_is_output(self) -> bool:
        """Return whether its channels are outputs; false while it has none."""
        return self.kind is not None and self.kind.is_output

    def check_idle(self) -> None:
        """Refuse to change a running task.

        Raises:
            DaqFault: the task runs.
        """
        if self.is_running:
            raise DaqFault(
                DAQmxErrors.CAN_NOT_PERFORM_OP_WHILE_TASK_RUNNING,
                "Specified operation cannot be performed while the task is running.\n\nTask Name: "
                f"{self.name}",
            )

    def upcoming(self, count: int) -> FloatArray:
        """Return the next `count` samples to generate, `[line, sample]`."""
        assert self.outgoing is not None
        return self.outgoing.samples(self.position, count, self.regenerates)


@dataclass(eq=False)
class Watchdog:
    """The watchdog of one board. It counts real time even where the clock is virtual."""

    name: str
    device: str
    timeout: float
    states: dict[str, float] = field(default_factory=dict[str, float])
    deadline: float | None = None
    expired: bool = False

    def start(self) -> None:
        """Start the timer."""
        self.deadline = time.monotonic() + self.timeout if self.timeout >= 0 else None

    def stop(self) -> None:
        """Stop the timer."""
        self.deadline = None

    def reset(self) -> None:
        """Reset the timer.

        Raises:
            DaqFault: the watchdog has expired.
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
        """Clear the expiration, so that outputs can be written again."""
        self.expired = False
        self.stop()

    @property
    def is_due(self) -> bool:
        """Whether the timer ran out and the expiration is still to be carried out."""
        return not self.expired and self.deadline is not None and time.monotonic() > self.deadline

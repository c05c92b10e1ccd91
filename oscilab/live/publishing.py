"""`Live`: the observer that publishes a run and lets it be held."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oscilab.arrays.seam import Supervised
from oscilab.errors import OscilabError
from oscilab.interruption import MadeSafe
from oscilab.live import contents
from oscilab.live.address import Address, address_path, remove_address, write_address
from oscilab.live.bulletin import Bulletin
from oscilab.live.control import ControlLog, Doorkeeper, log_path
from oscilab.live.gate import Gate
from oscilab.observer import Ending, Observed
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from oscilab.learning.training import Measured
    from oscilab.live.server import Publish, Server

logger = logging.getLogger(__name__)
STATUS_EVERY_S = 0.25
FACTS_EVERY_S = 10.0
SAFE_REASON = "an operator asked for the safe state; outputs are at their safe values"


class Live:
    """Publishes the run that it observes, on free ports of this computer.

    `on_begin` is called with the run's path once viewers can connect. Where no port is to be had,
    or the folder cannot be written, the run goes on unseen, and `trouble` says why.
    """

    def __init__(self, on_begin: Callable[[Path], None] | None = None) -> None:
        self.gate = Gate()
        self.trouble = ""
        self._on_begin = on_begin
        self._bulletin = Bulletin()
        self._run: Observed | None = None
        self._server: Server | None = None
        self._address: Address | None = None
        self._log: ControlLog | None = None
        self._making_safe: threading.Thread | None = None
        self._ended: dict[str, str] | None = None
        self._unsafe = False
        self._told = -STATUS_EVERY_S
        self._facts_told = -FACTS_EVERY_S
        self._samples: contents.Content | None = None

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Nothing: a viewer is told in other ways."""

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[_Task]:
        """What the run is at."""
        self._bulletin.begin_work(description, total, done)
        yield _Task(self)

    def note(self, sentence: str) -> None:
        """Something that the run's user should know."""
        self._bulletin.note(sentence)

    def begin(self, run: Observed) -> None:
        """Publish from now on."""
        import zmq

        from oscilab.live.server import Server

        self._run = run
        try:
            server = Server(self._publish)
        except zmq.ZMQError as error:
            self._go_unseen(f"no port of this computer is to be had ({error})")
            return
        address = Address.of_this_process(run.path, server.stream, server.control)
        try:
            write_address(address)
        except OSError as error:
            server.discard()
            self._go_unseen(f"{address_path(run.path)} cannot be written ({error.strerror})")
            return
        self._log = ControlLog(log_path(run.path))
        actions = {"pause": self._pause, "resume": self._resume, "safe": self._make_safe}
        self._address, self._server = address, server
        server.start(address, Doorkeeper(address.token, actions, self._log))
        if self._on_begin is not None:
            self._on_begin(run.path)

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """One batch; the run is held here where somebody asked for it.

        Raises:
            MadeSafe: somebody asked for the safe state.
        """
        self._bulletin.measured(step, batch, parameters)
        self.gate.passing(self._look)

    def sampled(self, samples: Float64Array) -> None:
        """Samples, to whoever looks.

        Raises:
            MadeSafe: somebody asked for the safe state.
        """
        self._bulletin.sampled(samples)
        self.gate.passing(self._look)

    def end(self, how: Ending, reason: str) -> None:
        """Tell the viewers, and take the address away."""
        self._ended = {"how": how, "reason": reason}
        if self._making_safe is not None:
            self._making_safe.join()
        if self._server is not None and self._address is not None:
            self._server.stop()
            remove_address(address_path(Path(self._address.run)), self._address.identity)
        if self._log is not None:
            self._log.close()

    def advance(self, n: int, figures: dict[str, float]) -> None:
        """`n` more steps of the task at hand."""
        self._bulletin.advance(n, figures, self.gate.held_s)

    @property
    def state(self) -> str:
        """In one word or two, for people and for viewers."""
        if self._making_safe is not None:
            if self._making_safe.is_alive():
                return "going safe"
            return "not known to be safe" if self._unsafe else "safe"
        return self.gate.state

    def _go_unseen(self, why: str) -> None:
        self.trouble = f"the run cannot be watched: {why}"
        logger.warning("%s", self.trouble)

    def _look(self) -> None:
        if self._run is not None and isinstance(self._run.array, Supervised):
            self._run.array.look()

    def _pause(self) -> str:
        self.gate.pause()
        return "held after the batch that is being measured"

    def _resume(self) -> str:
        self.gate.resume()
        return "going on"

    def _make_safe(self) -> str:
        """In a thread of its own, so that status goes on during the ramp."""
        if self._making_safe is None:
            self._making_safe = threading.Thread(target=self._ramp, name="safe state", daemon=True)
            self._making_safe.start()
        return "outputs go to their safe values, and the run ends"

    def _ramp(self) -> None:
        # The outputs first: the run may be busy with something else.
        try:
            if self._run is not None and isinstance(self._run.array, Supervised):
                self._run.array.stop(MadeSafe(SAFE_REASON))
        except OscilabError as error:
            self._unsafe = True
            self._bulletin.note(f"the safe state was not reached by a ramp: {error}")
        finally:
            self.gate.stop(SAFE_REASON)

    def _publish(self, publish: Publish, came: bool) -> None:
        """In the server's thread, every 50 ms that somebody listens."""
        assert self._run is not None
        assert self._log is not None
        now = time.monotonic()
        if came or now - self._facts_told >= FACTS_EVERY_S:
            self._facts_told = now
            publish("facts", *contents.facts(self._run))
            if self._samples is not None:
                publish("samples", *self._samples)
        rows = self._bulletin.take_rows()
        if rows:
            publish("batches", {}, contents.columns(rows))
        latest = self._bulletin.take_latest()
        if latest is not None:
            publish("reading", *contents.reading(latest))
        samples = self._bulletin.take_samples()
        if samples is not None:
            self._samples = contents.samples(samples)
            publish("samples", *self._samples)
        if came or self._ended or now - self._told >= STATUS_EVERY_S:
            self._told = now
            status = contents.status(self._bulletin, self.state, self._log.refused, self._run)
            publish("status", status, {})
        if self._ended:
            publish("end", dict(self._ended), {})


class _Task:
    def __init__(self, live: Live) -> None:
        self._live = live

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count."""
        self._live.advance(n, figures)

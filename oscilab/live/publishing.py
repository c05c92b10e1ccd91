"""`Live`, the observer that publishes a run and lets viewers pause or stop it.

A `Server` thread owns the sockets; the run itself never waits for it.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq

from oscilab.arrays.seam import Supervised
from oscilab.errors import OscilabError
from oscilab.interruption import MadeSafe
from oscilab.live.control import (
    MOST_BYTES,
    Address,
    Budget,
    ControlLog,
    Doorkeeper,
    Gate,
    address_path,
    log_path,
    remove_address,
    write_address,
)
from oscilab.live.stream import (
    Arrays,
    Bulletin,
    Content,
    Message,
    batches_content,
    facts_content,
    pack,
    reading_content,
    samples_content,
    status_body,
)
from oscilab.observer import Ending, Observed
from oscilab.types import Float64Array

if TYPE_CHECKING:
    from oscilab.learning.training import Measured

logger = logging.getLogger(__name__)
LOOPBACK = "tcp://127.0.0.1"
TICK_S = 0.05
"""The interval of messages; nobody can see more than 20 per second."""
MOST_WAITING = 32
"""Messages queued for a slow viewer; further ones are dropped."""
MOST_REQUESTS_WAITING = 16
LINGER_MS = 200
Publish = Callable[[str, dict[str, Any], Arrays], None]


class Server:
    """The thread that owns both sockets, which are bound to free ports of this computer.

    `tick` is called every 50 ms in the server's thread to publish, unless nobody listens. Its
    second argument says whether there is a new viewer.

    Raises:
        zmq.ZMQError: there is no free port.
    """

    def __init__(self, tick: Callable[[Publish, bool], None]) -> None:
        self._tick = tick
        self._context = zmq.Context[zmq.Socket[bytes]]()
        self._stream = self._context.socket(zmq.XPUB)
        self._control = self._context.socket(zmq.ROUTER)
        self._stream.set(zmq.SNDHWM, MOST_WAITING)
        # Report every new viewer, not only the first.
        self._stream.set(zmq.XPUB_VERBOSE, 1)
        self._control.set(zmq.RCVHWM, MOST_REQUESTS_WAITING)
        self._control.set(zmq.SNDHWM, MOST_REQUESTS_WAITING)
        for socket in (self._stream, self._control):
            socket.set(zmq.LINGER, LINGER_MS)
            socket.set(zmq.MAXMSGSIZE, 4 * MOST_BYTES)
        try:
            ports = [
                socket.bind_to_random_port(LOOPBACK) for socket in (self._stream, self._control)
            ]
        except zmq.ZMQError:
            self._context.destroy(0)
            raise
        self.stream, self.control = (f"{LOOPBACK}:{port}" for port in ports)
        self.doorkeeper: Doorkeeper | None = None
        self._identity = secrets.token_hex(8)
        self._number = 0
        self._viewers = 0
        self._failed = False
        self._budget = Budget()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="live", daemon=True)

    def start(self, address: Address, doorkeeper: Doorkeeper) -> None:
        """Start to publish and to answer requests."""
        self._identity = address.identity
        self.doorkeeper = doorkeeper
        self._thread.start()

    def discard(self) -> None:
        """Close the sockets of a server that was never started."""
        self._context.destroy(0)

    def stop(self) -> None:
        """Stop the thread after a last tick, within some tenths of a second."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._stream, zmq.POLLIN)
        poller.register(self._control, zmq.POLLIN)
        try:
            due = time.monotonic()
            while not self._done.is_set():
                now = time.monotonic()
                if now >= due:
                    due = now + TICK_S
                    self._publish_all()
                wait = max(0.0, due - time.monotonic())
                ready = dict(poller.poll(round(1000 * wait)))
                if self._control in ready and not self._answer_all():
                    # Over budget: do not read requests for a moment.
                    self._done.wait(min(wait, 2e-3))
            self._publish_all()
        finally:
            self._context.destroy(LINGER_MS)

    def _publish_all(self) -> None:
        came = False
        while self._stream.poll(0):
            message = self._stream.recv(zmq.NOBLOCK)
            came = came or message[:1] == b"\x01"
            self._viewers += 1 if message[:1] == b"\x01" else 0
            if message[:1] == b"\x00":
                self._viewers = 0
        if not self._viewers:
            return
        try:
            self._tick(self._publish, came)
        except Exception:
            # Continue: this thread also receives requests for the safe state.
            if not self._failed:
                logger.exception("the run cannot be watched as it should; it can still be stopped")
            self._failed = True

    def _publish(self, kind: str, body: dict[str, Any], arrays: Arrays) -> None:
        message = Message(kind, self._identity, self._number, time.time(), body, arrays)
        self._number += 1
        # Never blocks; messages to slow viewers are dropped.
        self._stream.send_multipart(pack(message), zmq.NOBLOCK, copy=False)

    def _answer_all(self) -> bool:
        """Answer requests; return whether all were answered."""
        while self._control.poll(0):
            if not self._budget.spend():
                return False
            frames = self._control.recv_multipart(zmq.NOBLOCK, copy=False)
            if self.doorkeeper is None:
                continue
            who = str(frames[-1].get("Peer-Address"))
            # A request is one frame; a REQ socket puts an empty one before it.
            request = frames[-1].bytes if len(frames) <= 3 else b""
            reply = json.dumps(self.doorkeeper.answer(request, who)).encode()
            envelope = [frame.bytes for frame in frames[:-1]] if len(frames) <= 3 else []
            # Dropped if the sender is gone or does not read.
            self._control.send_multipart([*(envelope or [frames[0].bytes]), reply], zmq.NOBLOCK)
        return True


logger = logging.getLogger(__name__)
STATUS_EVERY_S = 0.25
FACTS_EVERY_S = 10.0
SAFE_REASON = "an operator asked for the safe state; outputs are at their safe values"


class Live:
    """Publishes the run that it observes, on free ports of this computer.

    `on_begin` is called with the run's path once viewers can connect. If there is no free port, or
    the folder cannot be written, the run is not published and `trouble` says why.
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
        self._status_sent = -STATUS_EVERY_S
        self._facts_sent = -FACTS_EVERY_S
        self._samples: Content | None = None

    def summary(self, title: str, rows: Mapping[str, str]) -> None:
        """Do nothing: viewers get the facts of the run."""

    @contextmanager
    def task(self, description: str, total: int, done: int = 0) -> Generator[_Task]:
        """Yield a task whose progress is published."""
        self._bulletin.begin_work(description, total, done)
        yield _Task(self)

    def note(self, sentence: str) -> None:
        """Publish a note to the user."""
        self._bulletin.note(sentence)

    def begin(self, run: Observed) -> None:
        """Start to publish the run."""
        self._run = run
        try:
            server = Server(self._publish)
        except zmq.ZMQError as error:
            self._stay_unpublished(f"this computer has no free port ({error})")
            return
        address = Address.of_this_process(run.path, server.stream, server.control)
        try:
            write_address(address)
        except OSError as error:
            server.discard()
            self._stay_unpublished(f"{address_path(run.path)} cannot be written ({error.strerror})")
            return
        self._log = ControlLog(log_path(run.path))
        actions = {"pause": self._pause, "resume": self._resume, "safe": self._make_safe}
        self._address, self._server = address, server
        server.start(address, Doorkeeper(address.token, actions, self._log))
        if self._on_begin is not None:
            self._on_begin(run.path)

    def measured(self, step: int, batch: Measured, parameters: Float64Array) -> None:
        """Publish a batch, then wait here while the run is paused.

        Raises:
            MadeSafe: a viewer requested the safe state.
        """
        self._bulletin.measured(step, batch, parameters)
        self.gate.passing(self._look)

    def sampled(self, samples: Float64Array) -> None:
        """Publish samples, then wait here while the run is paused.

        Raises:
            MadeSafe: a viewer requested the safe state.
        """
        self._bulletin.sampled(samples)
        self.gate.passing(self._look)

    def end(self, how: Ending, reason: str) -> None:
        """Publish the end of the run, and remove its address."""
        self._ended = {"how": how, "reason": reason}
        if self._making_safe is not None:
            self._making_safe.join()
        if self._server is not None and self._address is not None:
            self._server.stop()
            remove_address(address_path(Path(self._address.run)), self._address.identity)
        if self._log is not None:
            self._log.close()

    def advance(self, n: int, figures: dict[str, float]) -> None:
        """Count `n` more steps of the current task."""
        self._bulletin.advance(n, figures, self.gate.held_s)

    @property
    def state(self) -> str:
        """The state of the run in a few words."""
        if self._making_safe is not None:
            if self._making_safe.is_alive():
                return "going safe"
            return "not known to be safe" if self._unsafe else "safe"
        return self.gate.state

    def _stay_unpublished(self, why: str) -> None:
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
        """Ramp in a separate thread, so that the status is still published meanwhile."""
        if self._making_safe is None:
            self._making_safe = threading.Thread(target=self._ramp, name="safe state", daemon=True)
            self._making_safe.start()
        return "outputs go to their safe values, and the run ends"

    def _ramp(self) -> None:
        # The outputs first, because the run may be busy with something else.
        try:
            if self._run is not None and isinstance(self._run.array, Supervised):
                self._run.array.stop(MadeSafe(SAFE_REASON))
        except OscilabError as error:
            self._unsafe = True
            self._bulletin.note(f"the safe state was not reached by a ramp: {error}")
        finally:
            self.gate.stop(SAFE_REASON)

    def _publish(self, publish: Publish, came: bool) -> None:
        """Publish new data; the server's thread calls this every 50 ms."""
        assert self._run is not None
        assert self._log is not None
        now = time.monotonic()
        if came or now - self._facts_sent >= FACTS_EVERY_S:
            self._facts_sent = now
            publish("facts", *facts_content(self._run))
            if self._samples is not None:
                publish("samples", *self._samples)
        rows = self._bulletin.take_rows()
        if rows:
            publish("batches", {}, batches_content(rows))
        latest = self._bulletin.take_latest()
        if latest is not None:
            publish("reading", *reading_content(latest))
        samples = self._bulletin.take_samples()
        if samples is not None:
            self._samples = samples_content(samples)
            publish("samples", *self._samples)
        if came or self._ended or now - self._status_sent >= STATUS_EVERY_S:
            self._status_sent = now
            status = status_body(self._bulletin, self.state, self._log.refused, self._run)
            publish("status", status, {})
        if self._ended:
            publish("end", dict(self._ended), {})


class _Task:
    def __init__(self, live: Live) -> None:
        self._live = live

    def advance(self, n: int = 1, **figures: float) -> None:
        """Count `n` more steps."""
        self._live.advance(n, figures)

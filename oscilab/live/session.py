"""A viewer's connection to a run: to its stream, its file, or both in turn.

The file is open only while it is read; otherwise its writer could not rename it on Windows.
"""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput, OscilabError
from oscilab.live.client import Requests, Subscription
from oscilab.live.control import Address, address_path, read_address
from oscilab.live.model import RunModel
from oscilab.live.stream import MOST_SAMPLES, Arrays, Message, ends_of, families_of, shots_shown
from oscilab.traces import hdf5
from oscilab.traces.layout_array import read_schedule
from oscilab.traces.run import Run, open_run

MOST_ROWS = 1 << 18
"""The most rows of the training to read; more are subsampled."""
HISTORY = "history"


def read_history(path: Path) -> list[Message]:
    """Return messages with the data of a run file for a viewer; the last has its status.

    Raises:
        InvalidInput: the file is missing or not a run.
    """
    with open_run(path) as run:
        found = [*_facts(run), *_batches(run), *_protocol(run), *_reading(run), *_samples(run)]
        figures = {name: value for name, value in run.figures.items() if math.isfinite(value)}
        return [*found, _message("figures", figures), _message("file", {"status": run.status})]


def _message(kind: str, body: dict[str, Any], arrays: Arrays | None = None) -> Message:
    return Message(kind, HISTORY, 0, 0.0, body, arrays or {})


def _facts(run: Run) -> list[Message]:
    try:
        potential = run.potential
    except InvalidInput:
        # A term's package is not installed here, so there are curves but no pictures.
        return []
    head = run.sources[0].entry
    schedule, _ = read_schedule(head)
    settings = run.configuration.get("settings", {})
    topology = potential.topology
    shape = run.configuration.get("data", {}).get("shape", topology.shape)
    body = {
        "path": str(run.path.resolve()),
        "title": hdf5.read_text(head["title"]),
        "device": str(run.configuration.get("device", run.provenance.identity.name)),
        "simulated": run.provenance.simulated,
        "steps": int(settings.get("steps", 0)) if run.kind == "train" else 0,
        "layout": list(topology.shape),
        "sample": list(shape),
        "topology": topology.name,
        "families": families_of(potential),
    }
    arrays = {
        "nodes": schedule.nodes,
        "edges": topology.edges.astype(np.int32),
        "ends": ends_of(potential),
        "lower": head["array/parameter_lower"][:],
        "upper": head["array/parameter_upper"][:],
    }
    return [_message("facts", body, arrays)]


def _batches(run: Run) -> list[Message]:
    if run.kind != "train" or not run.n_committed:
        return []
    tree: Any = run.tree
    training = tree["training"]
    every = max(1, math.ceil(run.n_committed / MOST_ROWS))
    # With no factor in common with the number of nodes, all nodes are read in turn.
    nodes = run.sources[0].entry["node"].shape[0]
    while math.gcd(every, nodes) > 1:
        every += 1
    names = {
        "step": "step",
        "node": "node_number",
        "loss": "loss",
        "gradient_norm": "gradient_norm",
    }
    columns = {
        name: training[column][::every].to_numpy().astype(np.float64)
        for name, column in names.items()
    }
    return [_message("batches", {}, columns)]


def _protocol(run: Run) -> list[Message]:
    try:
        parameters = run.protocol().parameters
    except InvalidInput:
        try:
            _, parameters, _ = run.checkpoint()
        except InvalidInput:
            return []
    return [_message("protocol", {}, {"parameters": np.asarray(parameters, np.float32)})]


def _reading(run: Run) -> list[Message]:
    if "readings" not in run.tree.children or not run.extent.total("readings"):
        return []
    tree: Any = run.tree
    readings = tree["readings"]
    # Select by number, because earlier rows may be lost.
    row = tree["training"].sel(batch=int(readings["batch"][-1]))
    node, step = int(row["node_number"]), int(row["step"])
    names = {"set_points": "set_points", "positions": "positions", "forces": "forces"}
    names |= {"start": "positions", "end": "ends"}
    arrays = {
        shown: np.asarray(readings[stored][-1], np.float32)
        for stored, shown in names.items()
        if stored in readings
    }
    arrays = {name: values[: shots_shown(values)] for name, values in arrays.items()}
    found = _protocol(run)
    if not found or not arrays:
        return []
    arrays["parameters"] = found[0].arrays["parameters"][node]
    return [_message("reading", {"node": node, "step": step}, arrays)]


def _samples(run: Run) -> list[Message]:
    for path in ("result/samples", "trajectory"):
        group: Any = run.tree
        for part in path.split("/"):
            group = group[part] if group is not None and part in group.children else None
        if group is None:
            continue
        if "shown" in group:
            values = group["shown"]
            last = values[-MOST_SAMPLES:].to_numpy()
            return [_message("samples", {"count": len(values)}, {"samples": last.astype("f4")})]
    return []


LOOK_EVERY_S = 1.0
SILENT_AFTER_S = 2.0
STATES = {
    "safe": "Safe: outputs are at their safe values, and the run ends",
    "going safe": "Going safe: outputs ramp to their safe values",
    "not known to be safe": "NOT KNOWN TO BE SAFE: the ramp failed; look at the outputs",
    "pausing": "Pausing after this batch",
    "paused": "Paused: outputs are held",
    "stopping": "Ending",
    "running": "Running",
}
ENDED = {
    "finished": "Finished",
    "interrupted": "Stopped",
    "failed": "Failed",
    "torn": "Torn off: the process that wrote it died",
    "running": "Written by another process, which does not publish",
}


class Session:
    """A viewer's session; `path` is a run file or an address (`*.live.json`).

    Call `poll` about 20 times a second; it never waits. `model` is the state of the run.

    Raises:
        InvalidInput: neither the run nor its address exists.
    """

    def __init__(self, path: Path) -> None:
        named = path.name.endswith(".live.json")
        self.path = path
        self.model = RunModel()
        self.said = ""
        self._address_path = path if named else address_path(path)
        self._run: Path | None = None if named else path
        self._subscription: Subscription | None = None
        self._requests: Requests | None = None
        self._came = time.monotonic()
        self._looked = -LOOK_EVERY_S
        self._read: SimpleQueue[list[Message] | str] = SimpleQueue()
        self._reading: threading.Thread | None = None
        self._file_status = ""
        self._gone = False
        if not path.exists() and not self._address_path.exists():
            raise InvalidInput(f"there is no run {path}; name a run file, or its *.live.json")
        self._look()
        self._read_file()

    @property
    def is_live(self) -> bool:
        """Whether messages of the run are arriving."""
        return self._subscription is not None and not self.model.ending and not self.is_silent

    @property
    def can_ask(self) -> bool:
        """Whether the run can take requests."""
        return self._requests is not None and not self.model.ending and not self._gone

    @property
    def is_silent(self) -> bool:
        """Whether there has been no message for a while."""
        return self.silence_s > SILENT_AFTER_S

    @property
    def silence_s(self) -> float:
        """The time since the last message, in s."""
        heard = self._subscription.heard if self._subscription else None
        return time.monotonic() - (self._came if heard is None else max(heard, self._came))

    @property
    def missed(self) -> int:
        """The number of messages that this viewer missed."""
        return self._subscription.missed if self._subscription else 0

    @property
    def address(self) -> Address | None:
        """The address of the run, while it is published."""
        return self._subscription.address if self._subscription else None

    def state(self) -> str:
        """Return the state of the run as a sentence."""
        model = self.model
        if model.ending:
            how, reason = str(model.ending.get("how")), str(model.ending.get("reason", ""))
            return ENDED.get(how, how) + (f": {reason}" if reason else "")
        if self._subscription is None:
            return ENDED.get(self._file_status, self._file_status) or "Reading the file"
        if self._gone:
            number = self._subscription.address.pid
            return f"Killed: process {number} is gone without a word; look at the outputs"
        if not model.status and not self.is_silent:
            return "Connecting"
        if self.is_silent:
            return f"Silent for {self.silence_s:.0f} s; its process may hang, or the line be down"
        state = str(model.status.get("state"))
        return STATES.get(state, state)

    def poll(self) -> None:
        """Process new messages."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._look()
        self._take_file()
        if self._subscription is not None:
            for message in self._subscription.take():
                self._take(message)
        if self._requests is not None and (answer := self._requests.take()) is not None:
            self.said = str(answer.get("said"))

    def ask(self, action: str) -> None:
        """Request `pause`, `resume` or `safe`; `said` has the answer after a later `poll`.

        Raises:
            DeviceFailed: the run takes no requests.
            InvalidInput: the run is not live.
        """
        if self._requests is None or not self.can_ask:
            raise InvalidInput(f"run {self.path} is not live, and cannot be asked to {action}")
        self._requests.send(action)
        self.said = f"asked to {action}"

    def try_to(self, action: str) -> None:
        """Call `ask`; on an error, put its message in `said`."""
        try:
            self.ask(action)
        except OscilabError as error:
            self.said = str(error)

    @property
    def is_informed(self) -> bool:
        """Whether file and status have been read."""
        reading = self._reading is not None and self._reading.is_alive()
        heard = bool(self.model.status) or self._gone or self.is_silent
        return not reading and self._read.empty() and (self._subscription is None or heard)

    def close(self) -> None:
        """Close the connections; idempotent."""
        for each in (self._subscription, self._requests):
            if each is not None:
                each.close()

    def _look(self) -> None:
        """Check whether the run is published, and connect if its address has changed."""
        self._looked = time.monotonic()
        known = self.address
        try:
            address = read_address(self._address_path)
        except InvalidInput:
            self._gone = known is not None and not self.model.ending and known.is_gone
            return
        self._gone = address.is_gone
        if known is not None and known.identity == address.identity:
            return
        self.close()
        self._subscription, self._requests = Subscription(address), Requests(address)
        self._came = time.monotonic()
        self.model.begin_again()
        if self._run is None and address.is_here:
            self._run = Path(address.run)

    def _take(self, message: Message) -> None:
        try:
            self.model.take(message)
        except (KeyError, TypeError, ValueError) as error:
            self.said = f"a message of kind {message.kind} was left aside: {error}"
        if message.kind == "end":
            # The file now holds the results.
            self._read_file()

    def _read_file(self) -> None:
        if self._run is None or not self._run.exists():
            return
        run = self._run

        def read() -> None:
            try:
                self._read.put(read_history(run))
            except OscilabError as error:
                self._read.put(str(error))

        # No daemon: one that is stopped inside HDF5 keeps its lock, and this process never ends.
        self._reading = threading.Thread(target=read, name="history")
        self._reading.start()

    def _take_file(self) -> None:
        try:
            found = self._read.get_nowait()
        except Empty:
            return
        if isinstance(found, str):
            self.said = found
            return
        for message in found:
            if message.kind == "file":
                self._file_status = str(message.body["status"])
                self.model.changed.add("status")
            elif message.kind == "reading" and self.model.reading:
                continue  # the live reading is newer
            else:
                self._take(message)

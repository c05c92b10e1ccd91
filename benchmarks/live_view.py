"""Measure the live view: its cost to a run, its frame rate, and the time to the safe state.

    QT_QPA_PLATFORM=offscreen python benchmarks/live_view.py

Frames are drawn at 1366 x 768 as fast as possible. Every frame has positions, forces, residuals and
eight traces of 1000 channels; curves and topology are drawn as often as the window does.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SITES = (25, 40)
NODES = 25
FRAMES = 200
SLEW = 100.0
RUNS = 5
BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "virtual"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "quartic", "coupling"]
wiring = {{ in_order = true }}
connection = {{ pace = 1.0 }}
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = {slew}, safe = 0.0 }}
clamp_enable = {{ safe = true }}
"""


def main() -> None:
    """Print one figure per line."""
    with tempfile.TemporaryDirectory() as folder:
        frames(Path(folder))
        cost()
        safe_state(Path(folder))


def frames(folder: Path) -> None:
    """Measure frames per second of wall time and of CPU time."""
    from oscilab.live.control import Address, write_address
    from oscilab.live.session import Session
    from oscilab.live.stream import Message
    from oscilab.viewer import LIGHT, ViewWindow, application

    app = application()
    run = folder / "none.h5"
    write_address(Address.of_this_process(run, "tcp://127.0.0.1:1", "tcp://127.0.0.1:1"))
    window = ViewWindow(Session(run.with_suffix(".live.json")), LIGHT)
    window.show()
    window._timer.stop()
    sites = SITES[0] * SITES[1]
    rows, columns = np.divmod(np.arange(sites), SITES[1])
    right = np.flatnonzero(columns < SITES[1] - 1)
    down = np.flatnonzero(rows < SITES[0] - 1)
    edges = np.concatenate([np.stack([right, right + 1], 1), np.stack([down, down + SITES[1]], 1)])
    ends = np.full((2 * sites + len(edges), 3), -1, np.int32)
    ends[:sites, 0] = ends[sites : 2 * sites, 0] = np.arange(sites)
    ends[2 * sites :, :2] = edges
    body = {
        "path": str(run), "title": "benchmark", "steps": 0, "layout": list(SITES),
        "topology": "lattice", "sample": list(SITES), "device": "none", "simulated": True,
        "families": [
            ("bias", 0, sites), ("stiffness", sites, 2 * sites), ("coupling", 2 * sites, len(ends)),
        ],
    }  # fmt: skip
    bound = np.full(len(ends), 9.0)
    arrays = {
        "nodes": np.geomspace(0.01, 3, NODES), "edges": edges.astype(np.int32), "ends": ends,
        "lower": -bound, "upper": bound,
    }  # fmt: skip
    model, rng = window.session.model, np.random.default_rng(0)
    model.take(Message("facts", "r", 0, 0.0, body, arrays))
    batches = []
    for number in range(50):
        values = rng.normal(size=(3, 16, sites)).astype(np.float32)
        reading = dict(zip(("positions", "forces", "residuals"), values, strict=True))
        reading["parameters"] = rng.normal(size=len(ends)).astype(np.float32)
        place = {"step": number // NODES, "node": number % NODES}
        rows_of = {name: np.array([float(value)]) for name, value in place.items()}
        rows_of |= {"loss": np.array([1.0]), "gradient_norm": np.array([1.0])}
        batches.append(
            [
                Message("reading", "r", 0, 0.0, place, reading),
                Message("batches", "r", 0, 0, {}, rows_of),
            ]
        )
    for mode, name in ((0, "eight traces"), (1, "all traces")):
        window.traces.mode.setCurrentIndex(mode)
        began, spent = time.perf_counter(), time.process_time()
        for number in range(FRAMES):
            for message in batches[number % len(batches)]:
                model.take(message)
            window.step()
            app.processEvents()
        wall = FRAMES / (time.perf_counter() - began)
        cpu = FRAMES / (time.process_time() - spent)
        print(
            f"frames of {sites} channels, {name}: {wall:.0f} a second, "
            f"{cpu:.0f} a second of one processor's time"
        )
    window.close()


def cost() -> None:
    """Measure the cost of publishing a batch to the run's own thread."""
    from oscilab.arrays import ForceReading
    from oscilab.learning.training import Measured
    from oscilab.live import Live

    live, values = Live(), np.zeros((64, 1000))
    reading = ForceReading(values, values, values)
    batch = Measured(3, 1.0, 1.0, 0.0, 0, reading, values)
    parameters = np.zeros(5000)
    began = time.process_time()
    for step in range(20_000):
        live.measured(step, batch, parameters)
    print(f"cost of a published batch to the run: {(time.process_time() - began) / 20e-3:.1f} us")


def safe_state(folder: Path) -> None:
    """Measure from the request to the last output at its safe value, less the ramp."""
    import oscilab
    from oscilab.live import Live
    from oscilab.live.client import Requests
    from oscilab.live.control import address_path, read_address

    bench = folder / "bench.toml"
    bench.write_text(BENCH.format(slew=SLEW))
    late = []
    for number in range(RUNS):
        path, live = folder / f"{number}.h5", Live()
        settings = {"steps": 1000, "batch": 20, "slices": 2, "samples": 1}

        def train(path: Path = path, live: Live = live, settings: dict = settings) -> None:
            try:
                oscilab.train(
                    "two-gaussians", "rack", bench=str(bench), out=path, observer=live,
                    overrides={**settings, "terms": ["bias", "stiffness", "quartic", "coupling"]},
                )  # fmt: skip
            except KeyboardInterrupt:
                return

        thread = threading.Thread(target=train)
        thread.start()
        while not address_path(path).exists() or live._run is None:
            time.sleep(0.01)
        drive = live._run.array.drive
        while drive.outputs.known is None or not np.abs(drive.outputs.known[:-1]).max() > 1:
            time.sleep(0.001)
        time.sleep(0.05 + 0.013 * number)
        board, limits = drive.front_end._front_end.board, drive.limits
        with Requests(read_address(address_path(path))) as requests:
            began = time.perf_counter()
            requests.send("safe")
            start = None
            while not np.array_equal(board.levels[limits.wired], limits.safe[limits.wired]):
                if start is None and live._making_safe is not None and drive.front_end._stopped:
                    start = np.abs(board.levels - limits.safe)[
                        limits.wired & np.isfinite(limits.slew)
                    ]
                time.sleep(0.0005)
            taken = time.perf_counter() - began
        thread.join()
        late.append(taken - (0.0 if start is None else start.max() / SLEW))
    print(
        f"safe state: {1e3 * np.median(late):.0f} ms beyond the ramp (median of {len(late)}), "
        f"{1e3 * max(late):.0f} ms at most"
    )


if __name__ == "__main__":
    main()

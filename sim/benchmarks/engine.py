"""Measure the engines' speed: steps times oscillators times copies per second of CPU time.

    python sim/benchmarks/engine.py

Both engines run in one process and on one thread, in turns, so that other load on the machine
hardly changes the ratio. The best of several turns counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from oscilab.physics import Potential, Topology, all_to_all, lattice
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.streams import RandomStreams

TERMS = ("bias", "stiffness", "cubic", "quartic", "coupling")
COPIES, TURNS = 1024, 5
REPEATS = {"numba": 200, "numpy": 10}
"""Steps, and force readings, in one turn."""


def cpu_seconds(work: Callable[[], object], times: int = 1) -> float:
    """Return the CPU time of `times` calls of `work`."""
    start = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - start


def compare(topology: Topology) -> None:
    """Print both engines' rates on `topology`, and their ratios."""
    potential = Potential(topology, TERMS)
    generator = np.random.default_rng(0)
    couplings = 0.05 * generator.normal(size=len(topology.edges))
    theta = potential.vector(stiffness=2.0, quartic=0.5, coupling=couplings)
    x = generator.normal(size=(COPIES, potential.oscillators))
    rates: dict[str, list[float]] = {"numba": [], "numpy": []}
    forces: dict[str, list[float]] = {"numba": [], "numpy": []}
    engines = {name: choose_engine(name, potential, threads=1) for name in ("numba", "numpy")}
    for turn in range(TURNS + 1):
        for name, engine in engines.items():
            copies = engine.release(x, RandomStreams(0).next())
            repeats = REPEATS[name]
            moved = cpu_seconds(lambda c=copies, n=repeats: c.hold(theta, 1e-3, n, 1.0))
            read = cpu_seconds(lambda e=engine: e.forces(theta, x), repeats)
            if turn:  # The first turn compiles.
                rates[name].append(repeats * x.size / moved)
                forces[name].append(repeats * x.size / read)
    print(topology.name)
    for what, found in (("motion", rates), ("forces", forces)):
        fast, slow = max(found["numba"]), max(found["numpy"])
        print(f"  {what}: fused {fast:.3g}/s, NumPy {slow:.3g}/s, ratio {fast / slow:.1f}")


def products() -> None:
    """Print the cost of the all-to-all couplings of 144 oscillators in the kernel and in BLAS."""
    potential = Potential(all_to_all(12, 12), ["coupling"])
    generator = np.random.default_rng(0)
    theta = 1e-3 * generator.normal(size=potential.parameters)
    matrix = potential.stiffness_matrix(theta).astype(np.float32)
    x = generator.normal(size=(COPIES, 144)).astype(np.float32)
    copies = choose_engine("numba", potential, 1).release(x, RandomStreams(0).next())
    out = np.empty_like(x)

    fused, product = [], []
    for _ in range(TURNS + 1):
        fused.append(cpu_seconds(lambda: copies.hold(theta, 1e-3, 20, 0.0)))
        product.append(cpu_seconds(lambda: np.matmul(x, matrix, out=out), 20))
    kernel, sgemm = (min(times[1:]) / 20 / x.size * 1e9 for times in (fused, product))
    print("144 oscillators all-to-all, float32, one thread")
    print(f"  whole step without noise in the kernel: {kernel:.2f} ns an oscillator")
    print(f"  the matrix product alone in BLAS: {sgemm:.2f} ns an oscillator")


if __name__ == "__main__":
    with threadpool_limits(1):
        for case in (lattice(12, 12, 1.5), all_to_all(12, 12), lattice(8, 8, 1.5), all_to_all(2)):
            compare(case)
        products()

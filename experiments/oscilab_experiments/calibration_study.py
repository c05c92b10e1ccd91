"""The effect of calibration: one experiment on ideal, flawed, and calibrated flawed boards.

    python -m oscilab_experiments.calibration_study [STEPS] [SEEDS] [FOLDER] [RULE]

Every seed is another board (its gains, offsets, noise and bath) and another run on it. Flawed
boards have 16-bit converters, noise of 0.5 mV, bath and mobility off by 3 %, and gain and offset
errors of two sizes: 0.1 % and 1 mV, or 2 % and 20 mV. Intervals are 95 % over the seeds, by
Student's t. Losses of different rules are not comparable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy import stats

import oscilab
from oscilab.bench import device_named, example_benches
from oscilab.calibration import calibrate
from oscilab.errors import DeviceFailed
from oscilab.traces.run import open_run
from oscilab.wired.calibration import write_calibration
from oscilab.wired.operate import wired_array

FLAWED = "virtual-flawed"
SIZES = {"0.1 %, 1 mV": (0.001, 0.001), "2 %, 20 mV": (0.02, 0.02)}
FIGURES = (
    "largest_weight_difference", "largest_mean_difference", "largest_covariance_difference",
)  # fmt: skip
LAST_STEPS = 20
Settings = Mapping[str, str | int | float]


def main(
    steps: int = 200,
    seeds: int = 5,
    folder: str = "calibration-study",
    rule: str = "force-matching",
) -> None:
    """Calibrate, train and print the table row by row."""
    settings = {"steps": steps, "rule": rule}
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    names = ["loss", *(name.removeprefix("largest_").replace("_", " ") for name in FIGURES)]
    print("| board | " + " | ".join(names) + " |\n|" + " --- |" * (len(names) + 1), flush=True)
    example = example_benches()["virtual0"]
    _row("ideal", seeds, lambda seed: _trained("virtual0", example, place / "i", seed, settings))
    for size, (gain, offset) in SIZES.items():

        def uncalibrated(seed: int, gain: float = gain, offset: float = offset) -> list[float]:
            bench = _bench(place, seed, gain, offset)
            return _trained(FLAWED, bench, place / "u", seed, settings)

        def calibrated(seed: int, gain: float = gain, offset: float = offset) -> list[float]:
            bench = _calibrated(_bench(place, seed, gain, offset), seed)
            return _trained(FLAWED, bench, place / "c", seed, settings)

        _row(f"{size}, uncalibrated", seeds, uncalibrated)
        _row(f"{size}, calibrated", seeds, calibrated)


def _row(name: str, seeds: int, run: Callable[[int], list[float]]) -> None:
    every: list[list[float]] = []
    escaped = 0
    for seed in range(1, seeds + 1):
        try:
            every.append(run(seed))
        except DeviceFailed as error:
            # A quartic with an error larger than itself lets an oscillator escape: also a result.
            if "ran away" not in str(error):
                raise
            escaped += 1
    if escaped:
        name = f"{name} ({escaped} of {seeds} escaped)"
    if len(every) < 2:
        print(f"| {name} |" + " |" * (len(FIGURES) + 1), flush=True)
        return
    found, seeds = np.array(every), len(every)
    half = stats.t.ppf(0.975, seeds - 1) * found.std(axis=0, ddof=1) / np.sqrt(seeds)
    cells = [f"{mean:.4f} ± {h:.4f}" for mean, h in zip(found.mean(axis=0), half, strict=True)]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _bench(place: Path, seed: int, gain: float, offset: float) -> Path:
    """Write the example bench with another board as its flawed device, and return its path."""
    text = example_benches()["virtual0"].read_text(encoding="utf-8")
    for line, value in (
        ("seed = 1", f"seed = {seed}"),
        ("gain_error = 0.001", f"gain_error = {gain}"),
        ("offset_error_V = 0.001", f"offset_error_V = {offset}"),
    ):
        assert line in text
        text = text.replace(line, value)
    bench = place / "flawed.toml"
    bench.write_text(text, encoding="utf-8")
    return bench


def _calibrated(bench: Path, seed: int) -> Path:
    with wired_array(device_named(FLAWED, str(bench)), design=True) as array:
        result = calibrate(array, points=10_000, releases=40_000, seed=seed)
        array.make_safe()
    write_calibration(result.calibration, bench.with_name("calibration.toml"))
    heading = f"[devices.{FLAWED}]\n"
    named = heading + 'calibration = "calibration.toml"\n'
    better = bench.with_name("calibrated.toml")
    better.write_text(bench.read_text(encoding="utf-8").replace(heading, named), encoding="utf-8")
    return better


def _trained(device: str, bench: Path, stem: Path, seed: int, settings: Settings) -> list[float]:
    out = stem.with_suffix(".h5")
    out.unlink(missing_ok=True)
    run = oscilab.train(
        "two-gaussians", device, bench=str(bench), out=out, log_batches=1000,
        overrides={**settings, "seed": seed},
    )  # fmt: skip
    return [_last_loss(run.path), *(run.figures[figure] for figure in FIGURES)]


def _last_loss(path: Path) -> float:
    with open_run(path) as run:
        batches = run.tree["training"].to_dataset().load()
    late = batches["step"] >= int(batches["step"].max()) - LAST_STEPS + 1
    return float(np.mean(batches["loss"].values[late.values]))


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(
        int(given.get(1, 200)),
        int(given.get(2, 5)),
        given.get(3, "calibration-study"),
        given.get(4, "force-matching"),
    )

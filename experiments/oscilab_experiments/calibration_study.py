"""What calibration is worth: one experiment on an ideal board, a flawed one, and that calibrated.

    python -m oscilab_experiments.calibration_study [STEPS] [FOLDER]

The flawed board has 16-bit converters, 0.1 % gain and 1 mV offset errors, noise, and a bath and a
mobility 3 % off; it is the device virtual-flawed of the example bench virtual0.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

import oscilab
from oscilab.bench import device_named, example_benches
from oscilab.calibration import calibrate
from oscilab.traces.run import open_run
from oscilab.wired.calibration import write_calibration
from oscilab.wired.operate import wired_array

FLAWED = "virtual-flawed"
FIGURES = (
    "largest_weight_difference", "largest_mean_difference", "largest_covariance_difference",
)  # fmt: skip
LAST_STEPS = 20


def main(steps: int = 300, folder: str = "calibration-study") -> None:
    """Calibrate, train three times, and print the table."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    bench = place / "bench.toml"
    shutil.copy(example_benches()["virtual0"], bench)
    with wired_array(device_named(FLAWED, str(bench)), design=True) as array:
        result = calibrate(array, points=10_000, releases=40_000)
        array.make_safe()
    write_calibration(result.calibration, place / "flawed.toml")
    text = bench.read_text(encoding="utf-8")
    named = f'[devices.{FLAWED}]\ncalibration = "flawed.toml"\n'
    calibrated = place / "calibrated.toml"
    calibrated.write_text(text.replace(f"[devices.{FLAWED}]\n", named), encoding="utf-8")
    print(f"{'':14}{'loss':>12}" + "".join(f"{name[8:]:>24}" for name in FIGURES))
    for name, device, file in (
        ("ideal", "virtual0", bench), ("uncalibrated", FLAWED, bench),
        ("calibrated", FLAWED, calibrated),
    ):  # fmt: skip
        run = oscilab.train(
            "two-gaussians", device, bench=str(file), out=place / f"{name}.h5", log_batches=1000,
            overrides={"steps": steps, "seed": 1},
        )  # fmt: skip
        loss = _last_loss(run.path)
        values = "".join(f"{run.figures[figure]:24.4f}" for figure in FIGURES)
        print(f"{name:14}{loss:12.4f}{values}", flush=True)


def _last_loss(path: Path) -> float:
    with open_run(path) as run:
        batches = run.tree["training"].to_dataset().load()
    late = batches["step"] >= int(batches["step"].max()) - LAST_STEPS + 1
    return float(np.mean(batches["loss"].values[late.values]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)

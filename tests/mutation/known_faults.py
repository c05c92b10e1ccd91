"""Plant faults that once passed all tests, one at a time, and see that each is noticed.

    python tests/mutation/known_faults.py           # all of them
    python tests/mutation/known_faults.py rate SI   # those with one of these words in their name

Every fault is a patch of one file, and is to be noticed by the tests named beside it alone. Ends
with an error where a fault passes, and where a patch no longer fits the source: write it anew then.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from copied import copied_checkout, pytest_exit

FAILED = 1
"""pytest's exit code where tests ran and some failed; a module that cannot be read gives 2."""


@dataclass(frozen=True)
class Fault:
    """`old` becomes `new`, and `test` has to fail."""

    name: str
    old: str
    new: str
    test: str


NUMBERS = "tests/system/test_independent_numbers.py::"
MODES = "tests/unit/test_merit_modes.py::"
LIMITS = f"{NUMBERS}test_limits_narrow_the_box_and_the_clamps"
SEEDS = f"{NUMBERS}test_seeds_draw_different_points_noise_and_bath"
DRAWN = f"{NUMBERS}test_points_take_other_data_and_other_noise_with_another_generator"
OTHER = f"{NUMBERS}test_other_seeds_draw_other_numbers"
THERMAL = f"{NUMBERS}test_errors_of_kT_and_mobility_are_their_spread_over_repeats"
SI = f"{NUMBERS}test_units_in_SI"
CODES = f"{NUMBERS}test_codes_count_from_their_offset"
CROSSTALK = f"{NUMBERS}test_crosstalk_is_named_from_a_ten_thousandth_on"
DISPLACED = f"{NUMBERS}test_offset_of_a_position_sensor_cancels_in_a_displacement"
HEATED = f"{NUMBERS}test_noise_of_sensors_does_not_heat"
EQUIPARTITION = f"{NUMBERS}test_kT_by_equipartition"
RATE = f"{NUMBERS}test_rate_falls_from_the_first_step_on"

FAULTS = {
    "oscilab/wired/lines.py": [
        Fault(
            "1 box not narrowed by limits from below",
            "np.maximum(box.lower, low + slack)",
            "box.lower",
            LIMITS,
        ),
        Fault(
            "1 box not narrowed by limits from above",
            "np.minimum(box.upper, high - slack)",
            "box.upper",
            LIMITS,
        ),
        Fault(
            "2 clamps not narrowed by limits from below",
            "np.maximum(-settings.clamp, reach_low * shrink)",
            "np.full_like(reach_low, -settings.clamp)",
            LIMITS,
        ),
        Fault(
            "2 clamps not narrowed by limits from above",
            "np.minimum(settings.clamp, reach_high * shrink)",
            "np.full_like(reach_high, settings.clamp)",
            LIMITS,
        ),
    ],
    "oscilab/runs/opening.py": [
        Fault(
            "3 seed ignored for training points",
            "return np.random.default_rng(points)",
            "return np.random.default_rng(0)",
            SEEDS,
        ),
        Fault(
            "3 seed ignored for the bath",
            "int(array.generate_state(1, np.uint64)[0] >> 1)",
            "0",
            SEEDS,
        ),
    ],
    "oscilab/runs/training.py": [
        Fault(
            "3 seed ignored by a run",
            "seeds(chosen.settings.seed)",
            "seeds(0)",
            SEEDS,
        ),
    ],
    "oscilab/learning/measurement.py": [
        Fault(
            "3 same samples of the data for every seed",
            "self.data[rng.integers(len(self.data), size=count)]",
            "self.data[np.random.default_rng(0).integers(len(self.data), size=count)]",
            DRAWN,
        ),
        Fault(
            "3 same noise for every seed",
            "rng.standard_normal(data.shape)",
            "np.random.default_rng(0).standard_normal(data.shape)",
            DRAWN,
        ),
    ],
    "oscilab/calibration/calibrate.py": [
        Fault(
            "3 seed ignored by a calibration",
            "np.random.default_rng(seed)",
            "np.random.default_rng(0)",
            f"{OTHER}[sweep]",
        ),
    ],
    "oscilab/data/dataset.py": [
        Fault(
            "3 seed ignored by what is held out",
            "np.random.default_rng([seed, int(label)])",
            "np.random.default_rng([0, int(label)])",
            f"{OTHER}[held_out]",
        ),
    ],
    "oscilab/data/mixture.py": [
        Fault(
            "3 seed ignored by a mixture",
            "np.random.default_rng(seed)",
            "np.random.default_rng(0)",
            f"{OTHER}[mixture]",
        ),
    ],
    "oscilab/merit/distances.py": [
        Fault(
            "3 seed ignored by a fitted Gaussian",
            "np.random.default_rng(seed).multivariate_normal",
            "np.random.default_rng(0).multivariate_normal",
            f"{OTHER}[gaussian]",
        ),
        Fault(
            "3 seed ignored by what is thinned out",
            "np.random.default_rng(seed).permutation",
            "np.random.default_rng(0).permutation",
            f"{OTHER}[at_most]",
        ),
        Fault(
            "3 seed ignored by directions",
            "np.random.default_rng(seed).standard_normal",
            "np.random.default_rng(0).standard_normal",
            f"{OTHER}[directions]",
        ),
    ],
    "oscilab/wired/calibration.py": [
        Fault(
            "4 SI force is kT l",
            "return self.kT / self.length\n",
            "return self.kT * self.length\n",
            SI,
        ),
        Fault(
            "4 SI coefficient is kT l^degree",
            "self.kT / self.length**degree",
            "self.kT * self.length**degree",
            SI,
        ),
        Fault("4 SI force is a coefficient's", "return self.force\n", "return self.length\n", SI),
        Fault(
            "4 SI length squared",
            "np.sqrt(self.kT / self.stiffness)",
            "self.kT / self.stiffness",
            SI,
        ),
        Fault(
            "4 SI time without mobility",
            "1 / (self.mobility * self.stiffness)",
            "1 / self.stiffness",
            SI,
        ),
    ],
    "oscilab/runs/sampling.py": [
        Fault(
            "3 seed ignored by sampling",
            "seeds(seed)[1]",
            "seeds(0)[1]",
            f"{NUMBERS}test_samples_of_two_seeds_differ",
        ),
        Fault(
            "5 error of work and heat without the root of n",
            "values.std() / np.sqrt(max(len(values) - 1, 1))",
            "values.std()",
            f"{NUMBERS}test_error_of_work_and_heat_is_the_spread_over_the_root_of_their_number",
        ),
    ],
    "oscilab/traces/plots.py": [
        Fault(
            "5 error in the picture of work without the root of n",
            "values.std() / max(1, len(values) - 1) ** 0.5",
            "values.std()",
            f"{NUMBERS}test_picture_of_work_states_mean_and_error",
        ),
    ],
    "oscilab/learning/rules.py": [
        Fault(
            "6 displacement from set-points",
            "(reading.end - reading.start) / reading.duration",
            "(reading.end - reading.set_points) / reading.duration",
            DISPLACED,
        ),
        Fault(
            "6 contrast from set-points",
            "potential.features(reading.start) - potential.features(reading.end)",
            "potential.features(drawn.noised) - potential.features(reading.end)",
            DISPLACED,
        ),
    ],
    "oscilab/traces/columns.py": [
        Fault(
            "7 add_offset of codes ignored in writing",
            "(values - self._offset) / self._scale",
            "values / self._scale",
            CODES,
        ),
    ],
    "oscilab/traces/layout_streams.py": [
        Fault(
            "7 add_offset of codes not stated",
            "add_offset=np.float64(coding.add_offset)",
            "add_offset=np.float64(0)",
            CODES,
        ),
        Fault(
            "7 offset of codes not stated for NeXus",
            'f"{name}_offset", data=np.float64(coding.add_offset)',
            'f"{name}_offset", data=np.float64(0)',
            CODES,
        ),
    ],
    "oscilab/calibration/lines.py": [
        Fault(
            "8 least share of crosstalk between drive lines ignored",
            "if abs(share := slope / float(fit.values[parameter])) > LEAST_CROSSTALK",
            "if abs(share := slope / float(fit.values[parameter])) > 0",
            CROSSTALK,
        ),
        Fault(
            "8 least share of crosstalk of clamps ignored",
            'LEAST_CROSSTALK:\n                notes.append(f"{to} picks',
            '0:\n                notes.append(f"{to} picks',
            CROSSTALK,
        ),
        Fault(
            "8 least share of crosstalk of force sensors ignored",
            'LEAST_CROSSTALK:\n            notes.append(f"{layout.sensors[sites + site]} picks',
            '0:\n            notes.append(f"{layout.sensors[sites + site]} picks',
            CROSSTALK,
        ),
    ],
    "oscilab/calibration/constants.py": [
        Fault(
            "9 noise of sensors not handed to kT",
            "springs.kT(rest.end @ unmixed, float(noise))",
            "springs.kT(rest.end @ unmixed, 0.0)",
            HEATED,
        ),
        Fault(
            "9 noise of sensors not subtracted from kT",
            "(len(moved) - 1) - noise",
            "(len(moved) - 1)",
            HEATED,
        ),
        Fault(
            "9 noise of sensors added to kT",
            "(len(moved) - 1) - noise",
            "(len(moved) - 1) + noise",
            EQUIPARTITION,
        ),
        Fault(
            "10 covariance of stiffness and cubic dropped from the error of kT",
            "slopes, self.covariance, slopes",
            "slopes, self.covariance * np.eye(2), slopes",
            EQUIPARTITION,
        ),
        Fault(
            "10 covariance of stiffness and cubic dropped from the error of mobility",
            "slopes, self.covariance, slopes",
            "slopes, self.covariance * np.eye(2), slopes",
            f"{NUMBERS}test_error_of_what_is_left_is_the_spread_over_likely_springs",
        ),
        Fault(
            "10 covariance of springs taken for zero",
            "between = -straight * of_cubic",
            "between = 0 * of_cubic",
            f"{NUMBERS}test_covariance_of_springs_is_their_spread_over_repeats",
        ),
        Fault("5 error of kT without the root of n", "2 / still.size", "2.0", THERMAL),
        Fault("5 error of mobility without the root of n", " / moved.end.size", "", THERMAL),
        Fault(
            "mobility from the wrong stretch of the decay",
            "between=False)",
            "between=True)",
            THERMAL,
        ),
    ],
    "oscilab/calibration/fit.py": [
        Fault(
            "10 covariance of slope and constant dropped",
            "        + 2 * by_slope * by_constant * covariance[0, 1]\n",
            "",
            f"{NUMBERS}test_inverted_line_keeps_the_covariance_of_slope_and_constant",
        ),
        Fault(
            "10 covariance of slope and constant dropped, by the spread",
            "        + 2 * by_slope * by_constant * covariance[0, 1]\n",
            "",
            f"{NUMBERS}test_errors_of_a_drive_line_are_its_spread_over_repeats",
        ),
    ],
    "oscilab/merit/figures.py": [
        Fault(
            "10 second moments of a mode too small by one sample",
            "effective / (effective - 1)",
            "effective / effective",
            f"{MODES}test_covariances_of_few_samples_are_unbiased",
        ),
        Fault(
            "10 effective number of a mode's samples taken for their total",
            "effective / (effective - 1)",
            "totals / (totals - 1)",
            f"{MODES}test_samples_shared_by_equal_modes_count_whole",
        ),
        Fault(
            "10 error of a covariance from products about zero",
            "(products - raw) ** 2",
            "products**2",
            f"{MODES}test_standard_errors_are_the_spread_of_many_repeats",
        ),
        Fault(
            "10 shares of a mode taken for independent of their total",
            "shares.std(axis=0, ddof=1) / len(points) ** 0.5",
            "np.sqrt((shares**2).mean(axis=0) / len(points))",
            f"{MODES}test_standard_errors_are_the_spread_of_many_repeats",
        ),
    ],
    "oscilab/learning/training.py": [
        Fault(
            "11 rate a step ahead in training",
            "self.rate.at(self.step)",
            "self.rate.at(self.step + 1)",
            RATE,
        ),
        Fault(
            "11 rate a step ahead in its schedule",
            "min(step, self.steps)",
            "min(step + 1, self.steps)",
            RATE,
        ),
    ],
}  # fmt: skip


def notices(path: str, fault: Fault) -> bool:
    """Whether the fault's test fails with it; the file is as before afterwards."""
    target = Path(path)
    source = target.read_text(encoding="utf-8")
    if source.count(fault.old) != 1:
        sys.exit(f"{path} has {source.count(fault.old)} places that read {fault.old!r}, not one")
    broken = source.replace(fault.old, fault.new)
    compile(broken, path, "exec")
    target.write_text(broken, encoding="utf-8")
    code, said = pytest_exit([fault.test])
    target.write_text(source, encoding="utf-8")
    if code not in (0, FAILED):
        sys.exit(f"{fault.name}: pytest ended with {code}\n{said}")
    return code == FAILED


def main() -> None:
    words = sys.argv[1:]
    chosen = [
        (path, fault)
        for path, faults in FAULTS.items()
        for fault in faults
        if not words or set(words) & set(fault.name.split())
    ]
    passed = 0
    with copied_checkout():
        code, said = pytest_exit(sorted({fault.test for _, fault in chosen}))
        if code:
            sys.exit(f"the tests fail before anything is broken\n{said}")
        for path, fault in chosen:
            noticed = notices(path, fault)
            passed += not noticed
            print("noticed" if noticed else "PASSED ", fault.name, "-", fault.test, flush=True)
    sys.exit(f"{passed} of {len(chosen)} faults passed" if passed else 0)


if __name__ == "__main__":
    main()

"""Response time, kT and mobility: what is measured once gains and offsets are known.

The response of lines and sensors comes from steps of the clamps. kT and mobility come from the
motion of released oscillators in springs, whose forces are measured first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oscilab.errors import DeviceFailed
from oscilab.types import FloatArray
from oscilab.wired.array import WiredArray
from oscilab.wired.plays import Play
from oscilab.wired.waveform import Waveform, clock_for_ramp, with_ramps

# Response to steps of the clamps.
WINDOW = 200
"""Samples for which every step is recorded."""
STEPS = 8
STEP_REACH = 0.5
"""Share of the clamps' reach to which they step, on both sides."""
ENOUGH = 8.0
"""Time constants in a window from which on it holds the whole response, but for 3e-4 of it."""
SLOWER = 4.0
LONGEST_S = 10.0
"""Nothing that takes longer to respond can be driven sensibly."""
SIGNIFICANT = 4.0
MISSED = 0.05
"""Share of a step that may still be missing at the end of a window that holds it."""

# Forces of the springs.
SPAN = 0.8
"""Share of the clamps' reach in which the springs are measured, on both sides."""
FINENESS = 50
"""Steps of integration in a relaxation time."""
LEAST_POINTS = 1000
"""Points on which the springs are measured, however few the releases."""

# Thermal motion.
STIFFNESS_SHARE = 0.1
"""Share of the stiffness range: stiff enough that a line's offset, and a quartic that is not quite
zero, can be neglected."""
EQUILIBRIUM = 5.0
"""Relaxation times after which the start is forgotten, to 5e-5 of the variance."""
DECAY = 1.0
"""Relaxation times after which the mean is read: the best compromise of signal and slope."""
RELEASE_REACH = 0.6
"""Share of the clamps' reach from which oscillators are released."""
LARGEST_RATIO, GRID = 4.0, 64
"""The largest ratio of the mobility to the one that was known, and how finely it is searched."""
QUICK = 0.3
"""Response times in a relaxation time up to which a sensor can follow."""


@dataclass(frozen=True)
class Response:
    """The slowest oscillator's lag in seconds, and its standard error; 0 where none is seen."""

    seconds: float
    error: float


def measure_response(array: WiredArray) -> Response:
    """Step all clamps up and down, slower and slower until the window holds the response.

    The area between what is asked for and what is shown, over the step, is the sum of all lags
    between them, whatever the step's own shape: for lags of first order, the sum of their time
    constants.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    clamps, reach = array.lines.clamps, STEP_REACH * _clamp_reach(array)
    span = np.ptp(array.lines.clamp_scale.volts_by_line(np.stack([-reach, reach])))
    ramp_s = float(span / array.drive.limits.slew[clamps].min())
    rate, _ = clock_for_ramp(ramp_s, array.planner.fastest_hz)
    while True:
        lags, followed = _lags(array, rate)
        seconds = lags.mean(axis=1)
        errors = lags.std(axis=1, ddof=1) / np.sqrt(lags.shape[1])
        slowest = int(np.argmax(seconds))
        found = Response(float(seconds[slowest]), float(errors[slowest]))
        enough = followed and found.seconds * ENOUGH < WINDOW / rate
        if enough or WINDOW / rate > LONGEST_S:
            seen = found.seconds > max(SIGNIFICANT * found.error, 1 / rate)
            return found if seen else Response(0.0, found.error)
        rate /= SLOWER


def _lags(array: WiredArray, rate: float) -> tuple[FloatArray, bool]:
    """Return the seconds `[oscillator, step]` by which positions lag, and whether every clamp
    arrived within the window.
    """
    lines, clamps = array.lines, array.lines.clamps
    reach = STEP_REACH * _clamp_reach(array)
    theta = array.description.potential.vector(stiffness=1.0)
    array.hold(theta, -reach)
    points = np.where(np.arange(STEPS)[:, np.newaxis] % 2 == 0, reach, -reach)
    start = array.drive.outputs.levels[clamps]
    # A first window at rest, so that what the hold left behind has settled.
    waveform = Waveform(
        clamps,
        np.concatenate([start[:, np.newaxis], lines.clamp_scale.volts_by_line(points)], axis=1),
        np.full(1 + STEPS, WINDOW, np.int64),
    )
    ramped = with_ramps(waveform, start, array.drive.limits.slew[clamps], rate)
    length = ramped.waveform.length
    read = np.arange(length, dtype=np.int64)
    samples = array.drive.exchange(Play(ramped.waveform, rate, array.wired.wiring.positions, read))
    asked = lines.clamp_scale.quantity_by_line(ramped.waveform.expand(0, length)).T
    missing = asked - lines.positions(samples.volts[:, 0]).T
    ends = ramped.ends
    # Each sensor's own offset and gain, from where it has settled.
    tails = [missing[:, end - WINDOW // 10 : end].mean(axis=1) for end in ends]
    areas: list[FloatArray] = []
    followed = True
    for step in range(1, STEPS + 1):
        first, last = int(ends[step - 1]), int(ends[step])
        part = asked[:, first:last]
        left = tails[step - 1][:, np.newaxis], tails[step][:, np.newaxis]
        height = asked[:, last - 1] - asked[:, first - 1]
        followed &= bool((np.abs(tails[step]) < MISSED * np.abs(height)).all())
        share = (part - asked[:, first - 1 : first]) / height[:, np.newaxis]
        settled = left[0] + share * (left[1] - left[0])
        areas.append((missing[:, first:last] - settled).sum(axis=1) / height)
    return np.stack(areas, axis=1) / samples.rate_hz, followed


def _clamp_reach(array: WiredArray) -> FloatArray:
    """Return how far the clamps reach on both sides, `[oscillator]`."""
    return np.minimum(-array.description.clamp_lower, array.description.clamp_upper)


@dataclass(frozen=True, eq=False)
class Springs:
    """What really pulls at the oscillators when only springs are asked for.

    A spring's line picks up of its neighbours, a quartic's line of the last spring's, and every
    line has what its calibration left of its offset. The forces are -k x - c x^3 + constant, with
    `stiffness` k and `cubic` c `[oscillator]`, and the `covariance` of both `[oscillator, 2, 2]`.
    """

    stiffness: FloatArray
    cubic: FloatArray
    covariance: FloatArray

    def kT(self, positions: FloatArray, noise: float) -> tuple[float, float]:
        """Return <(x - <x>) dU/dx> over `positions` `[copy, oscillator]`, which is kT in any
        potential, and its standard error that the springs' errors make.

        `noise` is the variance of a reading.
        """
        moved = positions - positions.mean(axis=0)
        square = np.einsum("ci,ci->i", moved, moved) / (len(moved) - 1) - noise
        fourth = np.einsum("ci,ci->i", moved, positions**3) / (len(moved) - 1)
        kT = self.stiffness * square + self.cubic * fourth
        return float(kT.mean()), self._error_of_mean(np.stack([square, fourth], axis=1))

    def left(self, start: float, kT: float, durations: FloatArray) -> FloatArray:
        """Return the share of its start that the mean keeps, `[duration]`, over all oscillators.

        `durations` ascend. At mobility 1. With m the mean and v the variance,
        m' = -k m - c (m^3 + 3 m v) and v' = 2 kT - 2 (k + 3 c m^2) v: exact to first order in c.
        """
        return self._each_left(start, kT, durations).mean(axis=1)

    def left_error(self, start: float, kT: float, duration: float) -> float:
        """Return the standard error of `left` that the springs' errors make."""
        times = np.array([duration])
        here = self._each_left(start, kT, times)[0]
        by_k: FloatArray = np.sqrt(self.covariance[:, 0, 0])
        by_c: FloatArray = np.sqrt(self.covariance[:, 1, 1])
        stiffer = replace(self, stiffness=self.stiffness + by_k)._each_left(start, kT, times)[0]
        steeper = replace(self, cubic=self.cubic + by_c)._each_left(start, kT, times)[0]
        return self._error_of_mean(
            np.stack([stiffer - here, steeper - here], axis=1) / np.stack([by_k, by_c], axis=1)
        )

    def _error_of_mean(self, slopes: FloatArray) -> float:
        """Return the standard error of a mean over oscillators whose derivatives by k and c are
        `slopes` `[oscillator, 2]`.
        """
        variances = np.einsum("ij,ijk,ik->i", slopes, self.covariance, slopes)
        return float(np.sqrt(variances.sum())) / len(variances)

    def _each_left(self, start: float, kT: float, durations: FloatArray) -> FloatArray:
        """Return the share that is left, `[duration, oscillator]`."""
        stiffness, cubic = self.stiffness, self.cubic
        steps = 1 + int(FINENESS * durations[-1] * stiffness.max())
        step = float(durations[-1]) / steps

        def slope(mean: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
            return (
                -stiffness * mean - cubic * (mean**3 + 3 * mean * spread),
                2 * kT - 2 * (stiffness + 3 * cubic * mean**2) * spread,
            )

        mean, spread = np.full_like(stiffness, start), np.zeros_like(stiffness)
        means = [mean]
        for _ in range(steps):
            # The midpoint rule: its error, of third order in a fiftieth, can be neglected.
            by_mean, by_spread = slope(mean, spread)
            by_mean, by_spread = slope(mean + step / 2 * by_mean, spread + step / 2 * by_spread)
            mean, spread = mean + step * by_mean, spread + step * by_spread
            means.append(mean)
        grid = step * np.arange(steps + 1)
        # Logarithms are nearly straight, so that little is lost between the steps.
        logs: FloatArray = np.log(np.stack(means, axis=1) / start)
        between: list[FloatArray] = [np.interp(durations, grid, row) for row in logs]
        return np.exp(np.stack(between, axis=1))


def measure_springs(
    array: WiredArray, parameters: FloatArray, points: int, rng: np.random.Generator
) -> Springs:
    """Clamp at `points` random places in the setting `parameters`, and fit every force.

    Raises:
        OutOfLimits, InterlockTripped, DeviceFailed: outputs are safe then.
    """
    reach = SPAN * _clamp_reach(array)
    places = rng.uniform(-reach, reach, (points, len(reach)))
    forces = array.measure_forces(parameters, places).forces
    return _fit_springs(places, forces)


def _fit_springs(places: FloatArray, forces: FloatArray) -> Springs:
    """Fit every force by all positions, by its own to the third, and a constant.

    The others' positions take out what couples oscillators and what sensors pick up. They are the
    same for all forces, so that only what is left of x^3 is fitted one by one.
    """
    count, sites = places.shape
    linear = np.column_stack([places, np.ones(count)])
    cubes = places**3
    inverse = np.linalg.inv(linear.T @ linear)
    by_forces, by_cubes = inverse @ (linear.T @ forces), inverse @ (linear.T @ cubes)
    left = cubes - linear @ by_cubes
    power = np.einsum("pi,pi->i", left, left)
    cubic = -np.einsum("pi,pi->i", left, forces) / power
    own = np.arange(sites, dtype=np.intp)
    straight = by_cubes[own, own]
    stiffness = -by_forces[own, own] - straight * cubic
    residual = forces - linear @ by_forces + left * cubic
    variance = np.einsum("pi,pi->i", residual, residual) / (count - sites - 2)
    of_cubic, of_linear = variance / power, variance * np.diagonal(inverse)[:sites]
    between = -straight * of_cubic
    covariance = np.array([[of_linear + straight**2 * of_cubic, between], [between, of_cubic]])
    return Springs(stiffness, cubic, covariance.transpose(2, 0, 1))


@dataclass(frozen=True)
class Thermal:
    """kT and mobility with standard errors, in core units of the array that measured.

    Both are 1 where its units are right.
    """

    kT: float
    kT_error: float
    mobility: float
    mobility_error: float


def is_quick_enough(array: WiredArray, response: Response) -> bool:
    """Whether lines and sensors can follow the motion in the springs of `thermal_motion`."""
    return response.seconds * spring_constant(array) < QUICK * array.description.time_scale


def spring_constant(array: WiredArray) -> float:
    """Return the stiffness in which thermal motion is measured, in core units."""
    box, family = array.description.box, array.description.potential.family("stiffness")
    return STIFFNESS_SHARE * float(box.upper[family.where].min())


def thermal_motion(
    array: WiredArray,
    releases: int,
    response: Response,
    crosstalk: FloatArray,
    rng: np.random.Generator,
) -> Thermal:
    """Release every oscillator `releases` times, in springs of stiffness k, as they really are.

    What pulls at clamped oscillators in this setting is measured first (`Springs`): lines pick up
    of each other. `crosstalk` `[oscillator, oscillator]` is what position sensors show of each
    position, which is inverted.

    kT is by equipartition, from the variance less that of readings on clamped oscillators. The
    mobility is from the decay of the mean from +x_0 and -x_0, whose difference is free of offsets.
    Where lines or sensors were seen to lag, the mean is read at two times t and 2 t: with
    g = mu k, a sensor of time constant s shows x_0 exp(-g t) / (1 - g s) after the first moments,
    so that their ratio tells g, and the first with the start s; kT then is larger by the factor
    1 + g s, which the sensor's slowness blurs away.

    Raises:
        DeviceFailed: the mobility is not within a factor of four of the one that was known.
    """
    potential = array.description.potential
    k = spring_constant(array)
    spring = potential.vector(stiffness=k)
    springs = measure_springs(array, spring, max(releases // 2, LEAST_POINTS), rng)
    unmixed = np.linalg.inv(crosstalk).T
    still = np.zeros((releases, potential.oscillators))
    rest = array.relax(spring, still, EQUILIBRIUM / k)
    noise = (rest.start @ unmixed).var(axis=0, ddof=1).mean() * array.wired.settings.average
    kT, by_springs = springs.kT(rest.end @ unmixed, float(noise))
    start, duration = RELEASE_REACH * float(array.description.clamp_upper.min()), DECAY / k
    decay = _Decay(springs, start, kT, duration)
    first = _measure_share(array, spring, start, releases, duration, rng)
    if response.seconds:
        second = _measure_share(array, spring, start, releases, 2 * duration, rng)
        fall = float(np.log(first.value / second.value))
        mobility, slope = decay.mobility(fall, between=True)
        error = np.hypot(first.error / first.value, second.error / second.value) / slope
        # first = exp(-g t) / (1 - g s), and blur = g s.
        blur = 1 - decay.left(mobility) / first.value
        blur_error = float(
            (1 - blur) * np.hypot(2 * first.error / first.value, second.error / second.value)
        )
    else:
        mobility, slope = decay.mobility(-float(np.log(first.value)), between=False)
        error = first.error / first.value / slope
        blur = blur_error = 0.0
    by_spread = np.sqrt(2 / still.size) * (kT + k * float(noise))
    kT_error = np.sqrt(by_spread**2 + by_springs**2 + (kT * blur_error / (1 + blur)) ** 2)
    by_decay = mobility * springs.left_error(start, kT, duration) / (decay.left(1.0) * DECAY)
    return Thermal(
        kT * (1 + blur), float(kT_error) * (1 + blur), mobility, float(np.hypot(error, by_decay))
    )


@dataclass(frozen=True, eq=False)
class _Decay:
    """The decay of the mean from `start` in `springs`, until `duration`, at any mobility."""

    springs: Springs
    start: float
    kT: float
    duration: float

    def left(self, mobility: float) -> float:
        """Return the share of the start that is left after `duration`."""
        times = np.array([mobility * self.duration])
        return float(self.springs.left(self.start, self.kT, times)[0])

    def mobility(self, fall: float, *, between: bool) -> tuple[float, float]:
        """Return the mobility at which the share's logarithm falls by `fall` until `duration`, or
        from then until twice that (`between`); and the derivative of that fall by the mobility.

        Raises:
            DeviceFailed: the mobility is not within a factor of four of the one that was known.
        """
        ratios = np.linspace(0, LARGEST_RATIO, GRID + 1)
        times = ratios * self.duration
        falls = -np.log(self.springs.left(self.start, self.kT, times))
        if between:
            falls = -np.log(self.springs.left(self.start, self.kT, 2 * times)) - falls
        if not falls[GRID // 16] < fall < falls[-1]:
            raise DeviceFailed(
                f"in springs of a known stiffness the mean falls by {fall:.3g} in its logarithm, "
                f"where {falls[GRID // 4]:.3g} was expected; correct the time scale of the bench "
                "(time_s), or check that the clamps release"
            )
        return (
            float(np.interp(fall, falls, ratios)),
            float(np.interp(fall, falls, np.gradient(falls, ratios))),
        )


@dataclass(frozen=True)
class _Share:
    """The share of its start that the mean was seen to keep, and its standard error."""

    value: float
    error: float


def _measure_share(
    array: WiredArray,
    spring: FloatArray,
    start: float,
    releases: int,
    duration: float,
    rng: np.random.Generator,
) -> _Share:
    sites = array.description.potential.oscillators
    # Each on a random side, so that what couples them cancels.
    sides = rng.choice([-1.0, 1.0], (releases, sites))
    moved = array.relax(spring, start * sides, duration)
    share = float((sides * moved.end).mean()) / float((sides * moved.start).mean())
    return _Share(share, float(np.sqrt((sides * moved.end).var() / moved.end.size)) / start)

"""Least squares that states its errors, for gains and offsets of lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Fit:
    """`values` `[unknown]`, their covariance `[unknown, unknown]`, and the residuals' RMS."""

    values: Array
    covariance: Array
    residual: float


def least_squares(design: Array, readings: Array) -> Fit:
    """`readings` `[row]` by the columns of `design` `[row, unknown]`, noise equal and unknown."""
    # Columns of very different units: scale them, or the normal equations lose digits.
    scale = np.sqrt(np.einsum("ru,ru->u", design, design))
    scale[scale == 0] = 1.0
    scaled = design / scale
    inverse: Array = np.asarray(np.linalg.pinv(scaled.T @ scaled, hermitian=True), np.float64)
    values = inverse @ (scaled.T @ readings)
    left = readings - scaled @ values
    freedom = max(len(readings) - len(values), 1)
    variance = float(left @ left) / freedom
    return Fit(values / scale, variance * inverse / np.outer(scale, scale), variance**0.5)


@dataclass(frozen=True)
class Straight:
    """volts = offset + gain * quantity, with standard errors."""

    gain: float
    offset: float
    gain_error: float
    offset_error: float
    residual: float


def straight_line(quantity: Array, volts: Array) -> Straight:
    """The line through `volts` `[point]` over `quantity` `[point]`, which is known exactly."""
    fit = least_squares(np.stack([quantity, np.ones_like(quantity)], axis=1), volts)
    errors = np.sqrt(np.diagonal(fit.covariance))
    gain, offset = fit.values.tolist()
    return Straight(gain, offset, float(errors[0]), float(errors[1]), fit.residual)


def inverted(slope: float, constant: float, covariance: Array) -> Straight:
    """The drive line whose quantity is slope * volts + constant.

    gain = 1 / slope and offset = -constant / slope, errors to first order.
    """
    gain, offset = 1 / slope, -constant / slope
    by_slope, by_constant = constant / slope**2, -1 / slope
    variance = (
        by_slope**2 * covariance[0, 0]
        + 2 * by_slope * by_constant * covariance[0, 1]
        + by_constant**2 * covariance[1, 1]
    )
    return Straight(
        gain, offset, float(np.sqrt(covariance[0, 0])) / slope**2, float(np.sqrt(variance)), 0.0
    )

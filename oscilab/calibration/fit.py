"""Least squares that states its errors, for gains and offsets of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.types import FloatArray, IndexArray

MOST_UNKNOWNS = 6000
"""Their normal equations take 0.3 GB, and a minute or two to solve."""


@dataclass(frozen=True, eq=False)
class Fit:
    """`values` `[unknown]`, their covariance `[unknown, unknown]`, and the residuals' RMS."""

    values: FloatArray
    covariance: FloatArray
    residual: float

    @cached_property
    def errors(self) -> FloatArray:
        """Standard errors of `values`."""
        return np.sqrt(np.diagonal(self.covariance))

    def straight(self) -> Straight:
        """Return the line whose gain and offset are the first two unknowns."""
        gain, offset = self.values[:2].tolist()
        return Straight(gain, offset, float(self.errors[0]), float(self.errors[1]), self.residual)


@dataclass(frozen=True)
class Straight:
    """volts = offset + gain * quantity, with standard errors; `residual` is an RMS in volts."""

    gain: float
    offset: float
    gain_error: float
    offset_error: float
    residual: float


@dataclass(frozen=True, eq=False)
class Block:
    """Some readings `[row]` and the few unknowns that they depend on: `design` `[row, column]`,
    whose columns are the unknowns `columns` `[column]`.
    """

    columns: IndexArray
    design: FloatArray
    readings: FloatArray


def least_squares(design: FloatArray, readings: FloatArray) -> Fit:
    """Fit `readings` `[row]` by the columns of `design` `[row, unknown]`.

    All rows have the same noise, which is unknown.
    """
    columns = np.arange(design.shape[1], dtype=np.intp)
    block = Block(columns, design, readings)
    return blockwise_least_squares(lambda: [block], design.shape[1])


def blockwise_least_squares(blocks: Callable[[], Iterable[Block]], unknowns: int) -> Fit:
    """Fit `unknowns` as `least_squares` does, but from `blocks`, which are made twice and kept one
    at a time.

    Unknowns that no reading depends on come out as zero, with an error of zero.

    Raises:
        InvalidInput: more unknowns than memory and patience allow, or fewer readings than unknowns.
    """
    if unknowns > MOST_UNKNOWNS:
        raise InvalidInput(
            f"a fit of {unknowns} unknowns would take {8e-9 * unknowns**2:.2g} GB for each matrix, "
            f"more than the {MOST_UNKNOWNS} unknowns that are fitted at once; calibrate a device "
            "of fewer lines"
        )
    normal, right = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    rows = 0
    for block in blocks():
        normal[np.ix_(block.columns, block.columns)] += block.design.T @ block.design
        right[block.columns] += block.design.T @ block.readings
        rows += len(block.readings)
    # Columns of very different units: scale them, or the normal equations lose digits.
    scale = np.sqrt(np.diagonal(normal))
    there = scale > 0
    if rows <= there.sum():
        raise InvalidInput(
            f"{rows} readings cannot tell {there.sum()} unknowns apart; sweep more points"
        )
    scale[~there] = 1.0
    inverse = np.zeros_like(normal)
    inverse[np.ix_(there, there)] = _inverse((normal / np.outer(scale, scale))[there][:, there])
    values = inverse @ (right / scale) / scale
    left = sum(
        float(np.square(block.readings - block.design @ values[block.columns]).sum())
        for block in blocks()
    )
    variance = left / (rows - int(there.sum()))
    return Fit(values, variance * inverse / np.outer(scale, scale), variance**0.5)


def _inverse(normal: FloatArray) -> FloatArray:
    try:
        root = np.linalg.inv(np.linalg.cholesky(normal))
    except np.linalg.LinAlgError:
        # Unknowns that only appear together: the solution of least norm.
        return np.asarray(np.linalg.pinv(normal, hermitian=True), np.float64)
    return root.T @ root


def straight_line(quantity: FloatArray, volts: FloatArray) -> Straight:
    """Fit a line through `volts` `[point]` over `quantity` `[point]`, which is known exactly."""
    return least_squares(np.stack([quantity, np.ones_like(quantity)], axis=1), volts).straight()


def inverted(slope: float, constant: float, covariance: FloatArray) -> Straight:
    """Return the drive line whose quantity is slope * volts + constant.

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

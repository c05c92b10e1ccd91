"""The compiled inner loops: forces, noise and update of 64 copies in one pass.

Positions are `[row, 64]`: the copies of a block are contiguous, so that loops over them vectorise.
Row indices are unsigned 64-bit integers, because signed ones may wrap around and compile to
gathers. Helpers are forced inline, because otherwise the checks for overlapping rows cost more than
the arithmetic. All kernels are in this one file, because the compiler's cache checks only its date.
"""

# NumPy scalar types keep every operation in 32 bits; type checkers cannot follow Numba's rules.
# pyright: basic

from __future__ import annotations

import numpy as np
from numba import njit

U = np.uint64
F = np.float32
LANES = 64
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def _compiled(function):
    kernel = njit(**OPTIONS)(function)
    try:
        kernel.enable_caching()
    except RuntimeError:
        # Neither this folder nor the user's cache is writable: compile once per process.
        return kernel
    return kernel


_inlined = njit(forceinline=True, **OPTIONS)


@_inlined
def _rotated(word, count):
    return np.uint32((word << np.uint32(count)) | (word >> np.uint32(32 - count)))


@_inlined
def _normals(states, z):
    """Draw two normals per copy into `z` `[2, 64]`, from xoshiro128++ `states` `[4, 64]`.

    The generator is Blackman and Vigna's (arXiv:1805.01407). The Box-Muller transform uses minimax
    polynomials with a relative error of at most 7e-8, about that of float32.
    """
    for c in range(LANES):
        s0, s1, s2, s3 = states[0, c], states[1, c], states[2, c], states[3, c]
        first = np.uint32(_rotated(np.uint32(s0 + s3), 7) + s0)
        shifted = np.uint32(s1 << np.uint32(9))
        s2 = np.uint32(s2 ^ s0)
        s3 = np.uint32(s3 ^ s1)
        s1 = np.uint32(s1 ^ s2)
        s0 = np.uint32(s0 ^ s3)
        s2 = np.uint32(s2 ^ shifted)
        s3 = _rotated(s3, 11)
        second = np.uint32(_rotated(np.uint32(s0 + s3), 7) + s0)
        shifted = np.uint32(s1 << np.uint32(9))
        s2 = np.uint32(s2 ^ s0)
        s3 = np.uint32(s3 ^ s1)
        s1 = np.uint32(s1 ^ s2)
        s0 = np.uint32(s0 ^ s3)
        s2 = np.uint32(s2 ^ shifted)
        s3 = _rotated(s3, 11)
        states[0, c], states[1, c], states[2, c], states[3, c] = s0, s1, s2, s3

        # A uniform number in (0, 1], split into exponent and mantissa in [sqrt 1/2, sqrt 2).
        u = F(np.int32(first >> np.uint32(1))) * F(2.0**-31) + F(2.0**-32)
        bits = np.float32(u).view(np.int32)
        exponent = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
        f = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32) - F(1.0)
        p = F(0.0870043453)
        p = p * f + F(-0.142674868)
        p = p * f + F(0.149147682)
        p = p * f + F(-0.165775847)
        p = p * f + F(0.199630638)
        p = p * f + F(-0.25001337)
        p = p * f + F(0.333339107)
        log = F(exponent) * F(0.693147181) + (f + f * f * (p * f - F(0.5)))
        radius = np.sqrt(F(-2.0) * log)

        # An angle, as a quadrant and a remainder of at most pi / 4.
        quadrant = np.uint32(np.uint32(second + np.uint32(0x20000000)) >> np.uint32(30))
        rest = np.int32(np.uint32(second - np.uint32(quadrant << np.uint32(30))))
        y = F(rest) * F(2 * np.pi * 2.0**-32)
        w = y * y
        sine = y + y * w * (F(-0.166666549) + w * (F(0.00833217815) + w * F(-0.000195172989)))
        cosine = F(1.0) + w * (F(-0.5) + w * (F(0.0416612786) + w * F(-0.00136524502)))
        odd = (quadrant & np.uint32(1)) != np.uint32(0)
        x_part = sine if odd else cosine
        y_part = cosine if odd else sine
        if (np.uint32(quadrant + np.uint32(1)) & np.uint32(2)) != np.uint32(0):
            x_part = -x_part
        if (quadrant & np.uint32(2)) != np.uint32(0):
            y_part = -y_part
        z[0, c] = radius * x_part
        z[1, c] = radius * y_part


@_inlined
def _own(g, x, i, t):
    """Write the on-site gradient of oscillator `i` into `g` `[64]`."""
    own = t.own
    b, k, q, r = own[0, i], own[1, i], own[2, i], own[3, i]
    for c in range(LANES):
        v = x[i, c]
        g[c] = b + v * (k + v * (q + v * r))


@_inlined
def _neighbours(g, x, i, t):
    """Add the listed couplings of oscillator `i` to `g`."""
    rows, weights = t.neighbours, t.weights
    for start in range(U(0), U(rows.shape[1]), U(4)):
        j0, j1 = rows[i, start], rows[i, start + U(1)]
        j2, j3 = rows[i, start + U(2)], rows[i, start + U(3)]
        a0, a1 = weights[i, start], weights[i, start + U(1)]
        a2, a3 = weights[i, start + U(2)], weights[i, start + U(3)]
        for c in range(LANES):
            g[c] += (a0 * x[j0, c] + a1 * x[j1, c]) + (a2 * x[j2, c] + a3 * x[j3, c])


@_inlined
def _matrix_pair(g, h, x, i, t):
    """Add rows `i` and `i + 1` of the coupling matrix to `g` and `h`, loading positions once."""
    m, n = t.matrix, i + U(1)
    for j in range(U(0), U(m.shape[1]), U(8)):
        j1, j2, j3 = j + U(1), j + U(2), j + U(3)
        j4, j5, j6, j7 = j + U(4), j + U(5), j + U(6), j + U(7)
        a0, a1, a2, a3 = m[i, j], m[i, j1], m[i, j2], m[i, j3]
        a4, a5, a6, a7 = m[i, j4], m[i, j5], m[i, j6], m[i, j7]
        b0, b1, b2, b3 = m[n, j], m[n, j1], m[n, j2], m[n, j3]
        b4, b5, b6, b7 = m[n, j4], m[n, j5], m[n, j6], m[n, j7]
        for c in range(LANES):
            x0, x1, x2, x3 = x[j, c], x[j1, c], x[j2, c], x[j3, c]
            x4, x5, x6, x7 = x[j4, c], x[j5, c], x[j6, c], x[j7, c]
            g[c] += ((a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)) + (
                (a4 * x4 + a5 * x5) + (a6 * x6 + a7 * x7)
            )
            h[c] += ((b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)) + (
                (b4 * x4 + b5 * x5) + (b6 * x6 + b7 * x7)
            )


@_inlined
def _products(g, p, x, i, t):
    """Add products of three or more positions to `g`; `p` `[64]` is scratch."""
    starts, factors, scales = t.starts, t.factors, t.scales
    for e in range(starts[i], starts[i + U(1)]):
        scale = scales[e]
        j0, j1, j2 = factors[e, U(0)], factors[e, U(1)], factors[e, U(2)]
        if factors.shape[1] == 3:
            for c in range(LANES):
                g[c] += scale * x[j0, c] * x[j1, c] * x[j2, c]
        else:
            for c in range(LANES):
                p[c] = scale * x[j0, c] * x[j1, c] * x[j2, c]
            for k in range(U(3), U(factors.shape[1])):
                j0 = factors[e, k]
                for c in range(LANES):
                    p[c] *= x[j0, c]
            for c in range(LANES):
                g[c] += p[c]


@_inlined
def _gradient_pair(g, x, i, t):
    """Write the gradients of oscillators `i`, `i + 1` into `g[0]`, `g[1]`; `g[2]` is scratch."""
    for k in range(U(0), U(2)):
        _own(g[k], x, i + k, t)
    if t.matrix.shape[0]:
        _matrix_pair(g[0], g[1], x, i, t)
    for k in range(U(0), U(2)):
        _neighbours(g[k], x, i + k, t)
        _products(g[k], g[2], x, i + k, t)


@_compiled
def hold(x, y, states, scratch, tables, first, last, steps, spread):
    """Take `steps` steps with blocks `first` to `last` of `x` `[block, row, 64]`.

    `tables` hold -step * grad U, so that x' = x + g + spread z. `y` is a buffer like `x`; the
    result is in `x` after an even number of steps, else in `y`. `states` `[block, 4, 64]` are the
    generators, `scratch` is `[block, 5, 64]`.
    """
    sites = U(tables.own.shape[1])
    for block in range(first, last):
        old, new, state = x[block], y[block], states[block]
        g, z = scratch[block, :3], scratch[block, 3:]
        for _ in range(steps):
            for i in range(U(0), sites, U(2)):
                _gradient_pair(g, old, i, tables)
                if spread > 0:
                    _normals(state, z)
                for k in range(U(0), U(2)):
                    for c in range(LANES):
                        new[i + k, c] = old[i + k, c] + g[k, c] + spread * z[k, c]
            old, new = new, old


@_inlined
def _loaded(x, positions, begin, end):
    """Copy rows `begin` to `end` of `positions` `[batch, oscillator]` to the columns of `x`."""
    for c in range(end - begin):
        for i in range(positions.shape[1]):
            x[i, c] = positions[begin + c, i]


@_compiled
def gradients(positions, out, x, g, tables, first, last):
    """Write the tables' gradient at blocks of 64 rows of `positions` into `out`, of like shape.

    `x` `[row, 64]` and `g` `[3, 64]` belong to the caller's thread.
    """
    sites, oscillators = U(tables.own.shape[1]), U(positions.shape[1])
    for block in range(first, last):
        begin = block * LANES
        end = min(begin + LANES, positions.shape[0])
        _loaded(x, positions, begin, end)
        for i in range(U(0), sites, U(2)):
            _gradient_pair(g, x, i, tables)
            for k in range(U(0), min(U(2), oscillators - i)):
                for c in range(end - begin):
                    out[begin + c, i + k] = g[k, c]

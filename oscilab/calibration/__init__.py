"""Calibrating a wired device: gains, offsets, temperature, mobility, and what is broken."""

from oscilab.calibration.calibrate import Result, calibrate

__all__ = ["Result", "calibrate"]

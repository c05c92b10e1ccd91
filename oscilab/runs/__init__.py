"""Runs: training and sampling from end to end, with everything written down."""

from oscilab.runs.sampling import RunResult, sample
from oscilab.runs.training import train

__all__ = ["RunResult", "sample", "train"]

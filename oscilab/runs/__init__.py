"""Runs: training and sampling from end to end, with everything written down."""

from oscilab.runs.result import RunResult
from oscilab.runs.sampling import sample
from oscilab.runs.training import train

__all__ = ["RunResult", "sample", "train"]

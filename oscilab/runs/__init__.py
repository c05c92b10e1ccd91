"""Runs: training and sampling from end to end, recorded in a run file."""

from oscilab.runs.sampling import RunResult, sample
from oscilab.runs.training import train

__all__ = ["RunResult", "sample", "train"]

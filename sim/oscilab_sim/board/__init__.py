"""Simulated electronics: a board that takes and gives volts, with an array behind its lines."""

from oscilab_sim.board.board import VirtualBoard
from oscilab_sim.board.front_end import VirtualFrontEnd
from oscilab_sim.board.imperfections import Imperfections, true_calibration
from oscilab_sim.board.plant import Plant
from oscilab_sim.board.sensing import Outside

__all__ = [
    "Imperfections",
    "Outside",
    "Plant",
    "VirtualBoard",
    "VirtualFrontEnd",
    "true_calibration",
]

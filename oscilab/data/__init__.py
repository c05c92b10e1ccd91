"""Data sets, and the encoder between data and oscillators."""

from oscilab.data.arrays import load_array, near_square
from oscilab.data.dataset import Dataset, split_held_out
from oscilab.data.digits import load_digits
from oscilab.data.encoder import Encoder, PrincipalEncoder, ScaleEncoder, encoder_from_table
from oscilab.data.mixture import GaussianMixture, two_gaussians
from oscilab.data.mnist import load_mnist

__all__ = [
    "Dataset",
    "Encoder",
    "GaussianMixture",
    "PrincipalEncoder",
    "ScaleEncoder",
    "encoder_from_table",
    "load_array",
    "load_digits",
    "load_mnist",
    "near_square",
    "split_held_out",
    "two_gaussians",
]

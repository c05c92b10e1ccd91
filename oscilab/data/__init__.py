"""Data sets, and the encoder between data and oscillators."""

from oscilab.data.arrays import load_array, near_square
from oscilab.data.dataset import Dataset, split_held_out
from oscilab.data.encoder import (
    Encoder,
    EncoderKind,
    PrincipalEncoder,
    ScaleEncoder,
    encoder_from_table,
)
from oscilab.data.images import load_digits, load_mnist
from oscilab.data.mixture import GaussianMixture, two_gaussians

__all__ = [
    "Dataset",
    "Encoder",
    "EncoderKind",
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

"""Figures of merit for generated samples."""

from oscilab.merit.classifier import (
    ClassShare,
    ImageClassifier,
    class_share,
    train_classifier,
    wilson_interval,
)
from oscilab.merit.distances import Memorisation, fitted_gaussian, memorisation, sliced_wasserstein
from oscilab.merit.figures import (
    ModeEstimates,
    data_figures,
    estimate_modes,
    image_figures,
    mixture_figures,
)

__all__ = [
    "ClassShare",
    "ImageClassifier",
    "Memorisation",
    "ModeEstimates",
    "class_share",
    "data_figures",
    "estimate_modes",
    "fitted_gaussian",
    "image_figures",
    "memorisation",
    "mixture_figures",
    "sliced_wasserstein",
    "train_classifier",
    "wilson_interval",
]

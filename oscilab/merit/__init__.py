"""Figures of merit: how good generated samples are."""

from oscilab.merit.classifier import (
    ClassShare,
    ImageClassifier,
    class_share,
    train_classifier,
    wilson_interval,
)
from oscilab.merit.figures import data_figures, image_figures, mixture_figures
from oscilab.merit.gaussian import fitted_gaussian
from oscilab.merit.memorisation import Memorisation, memorisation
from oscilab.merit.modes import ModeEstimates, estimate_modes
from oscilab.merit.sliced_wasserstein import sliced_wasserstein

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

"""Pictures as PNG files, drawn without a window system."""

from oscilab.figures.loss_curves import loss_curves
from oscilab.figures.mixture_picture import mixture_picture
from oscilab.figures.protocol_picture import protocol_picture
from oscilab.figures.sample_grid import sample_grid

__all__ = ["loss_curves", "mixture_picture", "protocol_picture", "sample_grid"]

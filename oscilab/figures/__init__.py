"""Pictures as PNG files, drawn without a display."""

from oscilab.figures.pictures import loss_curves, mixture_picture, protocol_picture, sample_grid

__all__ = ["loss_curves", "mixture_picture", "protocol_picture", "sample_grid"]

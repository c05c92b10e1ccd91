import numpy as np
import pytest

from oscilab.data.images import BLOCK, area_averaged, area_matrix
from oscilab.errors import InvalidInput


@pytest.mark.parametrize(("fine", "coarse"), [(28, 12), (28, 10), (28, 7), (5, 4), (6, 6), (9, 1)])
def test_area_averages_agree_with_repeated_pixels_in_equal_blocks(fine, coarse):
    """Repeating every pixel `coarse` times makes a grid that divides evenly into `coarse` cells."""
    image = np.random.default_rng(3).uniform(size=(2, fine, fine))
    repeated = image.repeat(coarse, axis=1).repeat(coarse, axis=2)
    blocks = repeated.reshape(2, coarse, fine, coarse, fine).mean(axis=(2, 4))
    assert np.allclose(area_averaged(image, coarse, coarse), blocks, rtol=1e-13, atol=0)


@pytest.mark.parametrize("coarse", [1, 3, 10, 12, 27, 28])
def test_every_fine_pixel_counts_the_same(coarse):
    matrix = area_matrix(28, coarse)
    assert np.allclose(matrix.sum(axis=1), 1, rtol=1e-15)
    assert np.allclose(matrix.sum(axis=0), coarse / 28, rtol=1e-14)


def test_averaging_conserves_the_mean_of_every_image_across_blocks():
    images = np.random.default_rng(0).integers(0, 256, (BLOCK + 3, 6, 5), np.uint8)
    averaged = area_averaged(images, 4, 3)
    assert averaged.shape == (BLOCK + 3, 4, 3)
    assert np.allclose(averaged.mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=1e-12)


@pytest.mark.parametrize("coarse", [0, 29])
def test_a_grid_that_is_empty_or_finer_is_refused(coarse):
    with pytest.raises(InvalidInput, match=f"28 pixels cannot be averaged to {coarse}"):
        area_matrix(28, coarse)

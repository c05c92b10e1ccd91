import gzip
import struct

import numpy as np
import pytest

from oscilab.data.images import read_idx, read_images
from oscilab.errors import InvalidInput

IMAGES = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


def packed(array, kind=0x08):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, kind, array.ndim]) + sizes + array.tobytes()


@pytest.mark.parametrize("array", [IMAGES, np.array([7, 0, 255], np.uint8)])
@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_an_idx_file_is_read_back_gzipped_or_not_whatever_its_name(tmp_path, array, wrap):
    path = tmp_path / "anything"
    path.write_bytes(wrap(packed(array)))
    read = read_idx(path, array.ndim)
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file: it starts with bytes .none."),
        (b"PK\x03\x04more", "no IDX file: it starts with bytes 50 4b 03 04"),
        (packed(IMAGES, kind=0x0D), "type 0x0d; only unsigned bytes"),
        (packed(IMAGES[0]), "2 dimensions where 3 are needed"),
        (packed(IMAGES)[:9], "ends within its header, after 9 bytes"),
        (packed(IMAGES)[:-1], "3 x 4 x 5 = 60 values and holds 59"),
        (packed(IMAGES) + b"\0", "60 values and holds 61"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "= 79228162458924105385300197375 values and holds 0"),
        (gzip.compress(packed(IMAGES), mtime=0)[:-9], "cut short"),
        (gzip.compress(packed(IMAGES), mtime=0)[:-8] + b"\0" * 8, "cannot be read: CRC"),
        (b"\x1f\x8b" + b"\0" * 20, "cannot be read"),
    ],
)
def test_a_damaged_idx_file_is_one_sentence_that_names_it(tmp_path, content, message):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_idx_file_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_idx(tmp_path / "none", 3)


def test_images_and_labels_must_agree_in_number(tmp_path):
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(packed(IMAGES))
    labels.write_bytes(packed(np.array([1, 2], np.uint8)))
    with pytest.raises(InvalidInput, match=r"holds 3 images but .* 2 labels"):
        read_images(images, labels)

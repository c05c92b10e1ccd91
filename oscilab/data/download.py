"""Fetching the MNIST files, only ever on demand, with their hashes checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oscilab.data.mnist import TEST, TRAIN, find_idx
from oscilab.errors import CannotDo, InvalidInput

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of the four gzipped files as first published and as both mirrors keep them.
HASHES: Mapping[str, str] = {
    f"{name}.gz": digest
    for name, digest in (
        (TRAIN[0], "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (TRAIN[1], "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (TEST[0], "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (TEST[1], "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    )
}


def fetch_mnist(
    directory: str | Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    hashes: Mapping[str, str] = HASHES,
) -> Path:
    """The folder that holds the MNIST files, after fetching those that it lacks.

    Without a `directory` this is `mnist` in the user's cache. A file that is there under any of
    its spellings is left as it is. Each file arrives whole or not at all.

    Raises:
        CannotDo: no mirror delivered a file, with the last one's reason.
        InvalidInput: the folder cannot be written, or what came has another hash.
    """
    folder = Path(directory) if directory is not None else _cache()
    for name, digest in hashes.items():
        if find_idx(folder, name.removesuffix(".gz")) is None:
            _fetch(folder, name, digest, mirrors)
    return folder


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("oscilab", appauthor=False) / "mnist"


def _fetch(folder: Path, name: str, digest: str, mirrors: Sequence[str]) -> None:
    import pooch  # pyright: ignore[reportMissingTypeStubs]
    import requests

    # pooch announces each file on stderr, where the progress bar is.
    pooch.get_logger().setLevel(logging.WARNING)
    untyped: Any = pooch
    reason = "no mirror is named"
    for mirror in mirrors:
        try:
            untyped.retrieve(f"{mirror}{name}", f"sha256:{digest}", fname=name, path=folder)
        except requests.exceptions.RequestException as error:
            reason = f"{mirror} failed with {type(error).__name__}"
        except ValueError as error:
            raise InvalidInput(
                f"{name} from {mirror} has not the published SHA-256 {digest}; nothing was kept"
            ) from error
        except OSError as error:
            raise InvalidInput(f"{folder} cannot take {name}: {error}") from error
        else:
            return
    raise CannotDo(
        f"{name} could not be fetched ({reason}); go online, or name the folder of the MNIST files "
        "with --data DIR"
    )

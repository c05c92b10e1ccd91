"""Encoders between data and oscillators: scale and offset, or principal components.

An encoder is fitted to training data only. It is part of an experiment and stored with a run.
`ENCODERS` lists the built-in kinds; the entry point group `oscilab.encoders` adds others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from oscilab.data.dataset import Dataset, checked_values
from oscilab.errors import InvalidInput
from oscilab.plugins import find
from oscilab.types import Float64Array

Values = Float64Array
Table = dict[str, str | float | Values]


@runtime_checkable
class Encoder(Protocol):
    """A map from samples to positions and back."""

    @property
    def features(self) -> int:
        """The number of values in one sample."""
        ...

    @property
    def oscillators(self) -> int:
        """The number of oscillators."""
        ...

    @property
    def is_per_feature(self) -> bool:
        """Whether oscillator i represents feature i, so that an image keeps its layout."""
        ...

    def encode(self, values: ArrayLike) -> Values:
        """Return positions `[sample, oscillator]` of samples `[sample, feature]`."""
        ...

    def decode(self, positions: ArrayLike) -> Values:
        """Return samples `[sample, feature]` of positions `[sample, oscillator]`."""
        ...

    def to_table(self) -> Table:
        """Return text, numbers and arrays from which `encoder_from_table` makes the same encoder.

        The entry `kind` is the name of its `EncoderKind`.
        """
        ...


@dataclass(frozen=True, eq=False)
class ScaleEncoder:
    """x = (data - offset) / scale, one oscillator per feature; `offset` is `[feature]`.

    Raises:
        InvalidInput: the scale is not positive, or the offset is not finite.
    """

    scale: float
    offset: Values

    def __post_init__(self) -> None:
        _check_positive("scale", np.array([self.scale]))
        object.__setattr__(self, "offset", _checked_vector("offset", self.offset))

    @classmethod
    def of_rms(cls, train: Values, rms: float = 1.0) -> ScaleEncoder:
        """Fit to `train` such that positions have mean zero and that RMS over all sites.

        A single offset for all sites keeps an image's background away from zero.

        Raises:
            InvalidInput: all training values are equal, or the RMS is not positive.
        """
        _check_positive("RMS", np.array([rms]))
        values = checked_values(train, "training data")
        spread = float(values.std())
        if spread == 0:
            raise InvalidInput("all training values are equal; there is nothing to scale")
        return cls(spread / rms, float(values.mean()) * np.ones(values.shape[1]))

    @classmethod
    def of_range(cls, features: int, low: float, high: float, reach: float = 1.0) -> ScaleEncoder:
        """Map `low` to -reach and `high` to +reach.

        Raises:
            InvalidInput: the range is empty, or the reach is not positive.
        """
        _check_positive("reach", np.array([reach]))
        if not low < high:
            raise InvalidInput(f"the range {low} to {high} is empty; give the low end first")
        return cls((high - low) / (2 * reach), (low + high) / 2 * np.ones(features))

    @property
    def features(self) -> int:
        """The number of values in one sample."""
        return len(self.offset)

    @property
    def oscillators(self) -> int:
        """The number of oscillators, one per feature."""
        return self.features

    @property
    def is_per_feature(self) -> bool:
        """True."""
        return True

    def encode(self, values: ArrayLike) -> Values:
        """Return positions `[sample, oscillator]` of samples `[sample, feature]`."""
        return (_checked(values, self.features, "samples") - self.offset) / self.scale

    def decode(self, positions: ArrayLike) -> Values:
        """Return samples `[sample, feature]` of positions `[sample, oscillator]`."""
        return _checked(positions, self.features, "positions") * self.scale + self.offset

    def to_table(self) -> Table:
        """Return kind, scale and offset."""
        return {"kind": "scale", "scale": float(self.scale), "offset": self.offset}


@dataclass(frozen=True, eq=False)
class PrincipalEncoder:
    """x_k = v_k . (data - mean) / scale_k, one oscillator per principal component.

    `mean` is `[feature]`. `components` is `[oscillator, feature]`, orthonormal. `scales` is
    `[oscillator]`, the standard deviation of each component over the training data, so that
    positions are uncorrelated and of unit variance. Whatever lies outside the components is lost.

    Raises:
        InvalidInput: the shapes do not match, or a scale is not positive.
    """

    mean: Values
    components: Values
    scales: Values

    def __post_init__(self) -> None:
        for name in ("mean", "scales"):
            object.__setattr__(self, name, _checked_vector(name, getattr(self, name)))
        components = checked_values(self.components, "principal components")
        object.__setattr__(self, "components", components)
        if components.shape != (len(self.scales), len(self.mean)):
            raise InvalidInput(
                f"principal components have shape {components.shape}; {len(self.scales)} scales "
                f"and {len(self.mean)} features need another"
            )
        _check_positive("component scales", self.scales)

    @classmethod
    def fit(cls, train: Values, components: int, floor: float = 0.0) -> PrincipalEncoder:
        """Fit to the `components` directions of largest variance in `train` `[sample, feature]`.

        Scales are at least `floor`, so that components of almost no variance are not amplified to
        unit variance.

        Raises:
            InvalidInput: more components than the data have directions, and no floor.
        """
        values = checked_values(train, "training data")
        limit = min(values.shape)
        if not 1 <= components <= limit:
            raise InvalidInput(
                f"{components} principal components cannot be had from {values.shape[0]} samples "
                f"of {values.shape[1]} features; use 1 to {limit}"
            )
        mean = values.mean(axis=0)
        _, singular, directions = np.linalg.svd(values - mean, full_matrices=False)
        deviations = singular[:components] / np.sqrt(len(values))
        rank = int((singular > singular[0] * len(values) * np.finfo(np.float64).eps).sum())
        if components > rank and not floor > 0:
            raise InvalidInput(
                f"the training data vary in {rank} directions, fewer than the {components} "
                "components asked for; use fewer, or a floor above zero"
            )
        chosen = directions[:components]
        # A singular vector's sign is arbitrary; fix it to make the fit reproducible.
        peaks = np.abs(chosen).argmax(axis=1)
        signs = np.sign(chosen[np.arange(components), peaks])
        return cls(mean, chosen * signs[:, np.newaxis], np.maximum(deviations, floor))

    @property
    def features(self) -> int:
        """The number of values in one sample."""
        return len(self.mean)

    @property
    def oscillators(self) -> int:
        """The number of components."""
        return len(self.scales)

    @property
    def is_per_feature(self) -> bool:
        """False: every component mixes all features."""
        return False

    def encode(self, values: ArrayLike) -> Values:
        """Return positions `[sample, oscillator]` of samples `[sample, feature]`."""
        centred = _checked(values, self.features, "samples") - self.mean
        return centred @ self.components.T / self.scales

    def decode(self, positions: ArrayLike) -> Values:
        """Return samples `[sample, feature]` of positions `[sample, oscillator]`."""
        points = _checked(positions, self.oscillators, "positions")
        return points * self.scales @ self.components + self.mean

    def to_table(self) -> Table:
        """Return kind, mean, components and scales."""
        return {
            "kind": "principal",
            "mean": self.mean,
            "components": self.components,
            "scales": self.scales,
        }


@dataclass(frozen=True)
class EncoderKind:
    """How to make encoders of one kind: an entry of `oscilab.encoders`.

    `uses` are the keys of the settings table `encoder` that apply to this kind. `fit` makes an
    encoder from a data set and those settings. `read` makes one from the output of `to_table`, in
    which NumPy arrays may have become lists.
    """

    uses: tuple[str, ...]
    fit: Callable[..., Encoder]
    read: Callable[[Mapping[str, Any]], Encoder]


def _fit_identity(dataset: Dataset) -> Encoder:
    return ScaleEncoder(1.0, np.zeros(dataset.features))


def _fit_range(dataset: Dataset, reach: float) -> Encoder:
    return ScaleEncoder.of_range(dataset.features, dataset.low, dataset.high, reach)


def _fit_scale(dataset: Dataset, rms: float) -> Encoder:
    return ScaleEncoder.of_rms(dataset.train, rms)


def _fit_principal(dataset: Dataset, components: int, floor: float) -> Encoder:
    return PrincipalEncoder.fit(dataset.train, components, floor)


def _read_scale(table: Mapping[str, Any]) -> Encoder:
    return ScaleEncoder(float(table["scale"]), np.asarray(table["offset"], np.float64))


def _read_principal(table: Mapping[str, Any]) -> Encoder:
    names = ("mean", "components", "scales")
    return PrincipalEncoder(*(np.asarray(table[name], np.float64) for name in names))


GROUP = "oscilab.encoders"
ENCODERS: Mapping[str, EncoderKind] = {
    "identity": EncoderKind((), _fit_identity, _read_scale),
    "range": EncoderKind(("reach",), _fit_range, _read_scale),
    "scale": EncoderKind(("rms",), _fit_scale, _read_scale),
    "principal": EncoderKind(("components", "floor"), _fit_principal, _read_principal),
}


def find_encoder(name: str) -> EncoderKind:
    """Return the built-in or installed kind of encoder of that name.

    Raises:
        InvalidInput: there is no such kind; the message lists the known ones.
        OscilabError: the kind is installed but cannot be used.
    """
    return find(GROUP, name, ENCODERS, EncoderKind)


def encoder_from_table(table: Mapping[str, Any]) -> Encoder:
    """Return the encoder described by the output of `to_table`.

    Raises:
        InvalidInput: the kind is unknown, or entries are missing or invalid.
        OscilabError: the kind is installed but cannot be used.
    """
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise InvalidInput(f"an encoder's table has the kind {kind!r}, which is not a name")
    try:
        return find_encoder(kind).read(table)
    except KeyError as error:
        raise InvalidInput(f"the table of a {kind} encoder lacks {error.args[0]}") from error


def _checked(values: ArrayLike, width: int, name: str) -> Values:
    array = checked_values(values, f"batch of {name}")
    if array.shape[1] != width:
        raise InvalidInput(
            f"{name} have {array.shape[1]} numbers each where the encoder has {width}; use the "
            "encoder of this run"
        )
    return array


def _checked_vector(name: str, vector: Values) -> Values:
    array = np.asarray(vector, np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise InvalidInput(f"an encoder's {name} must be a vector of finite numbers")
    return array


def _check_positive(name: str, values: Values) -> None:
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InvalidInput(f"an encoder's {name} must be positive; it is {values.tolist()}")

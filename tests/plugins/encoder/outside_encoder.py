"""x = asinh((data - mean) / rms): far values are brought closer."""

from dataclasses import dataclass

import numpy as np

from oscilab.data import EncoderKind


@dataclass(frozen=True, eq=False)
class AsinhEncoder:
    mean: np.ndarray
    rms: float
    is_per_feature = True

    @property
    def features(self):
        return len(self.mean)

    oscillators = features

    def encode(self, values):
        return np.arcsinh((np.asarray(values) - self.mean) / self.rms)

    def decode(self, positions):
        return np.sinh(positions) * self.rms + self.mean

    def to_table(self):
        return {"kind": "asinh", "mean": self.mean, "rms": self.rms}


def fit(dataset, rms):
    return AsinhEncoder(dataset.train.mean(axis=0), float(dataset.train.std() / rms))


def read(table):
    return AsinhEncoder(np.asarray(table["mean"]), float(table["rms"]))


ASINH = EncoderKind(("rms",), fit, read)

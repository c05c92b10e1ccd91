"""Training state as arrays of fixed shape, so that a run resumes bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from oscilab.arrays.seam import SavedState
from oscilab.errors import InvalidInput
from oscilab.learning.training import Training
from oscilab.types import Float64Array

Arrays = dict[str, NDArray[np.generic]]
WORD = 64


def pack(training: Training) -> Arrays:
    """Optimiser state, the points' generator, and the array's own state where it has one."""
    packed: Arrays = {f"optimiser_{key}": value for key, value in training.optimiser.state.items()}
    packed["average"] = training.average
    packed["generator"] = _pack_generator(training.sampling.rng)
    if isinstance(training.array, SavedState):
        packed["array"] = np.frombuffer(training.array.save_state(), np.uint8)
    return packed


def unpack(
    training: Training, step: int, parameters: Float64Array, stored: Mapping[str, object]
) -> None:
    """Continue from a checkpoint: the training's state is overwritten.

    Raises:
        InvalidInput: a checkpoint that lacks something or has another shape.
    """
    arrays = {key: np.asarray(value) for key, value in stored.items()}
    targets = {f"optimiser_{key}": value for key, value in training.optimiser.state.items()}
    targets |= {"average": training.average, "parameters": training.parameters}
    for name, value in targets.items():
        found = parameters if name == "parameters" else arrays.get(name)
        if found is None or found.shape != value.shape:
            raise InvalidInput(
                f"the checkpoint's {name} is {'missing' if found is None else found.shape}, but "
                f"must have shape {value.shape}; the run was made by another version"
            )
        value[...] = found
    _unpack_generator(training.sampling.rng, arrays["generator"])
    if isinstance(training.array, SavedState):
        training.array.restore_state(arrays["array"].astype(np.uint8).tobytes())
    training.step = step


def _pack_generator(rng: np.random.Generator) -> NDArray[np.uint64]:
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise InvalidInput(f"generator {state['bit_generator']} cannot be checkpointed; use PCG64")
    mask = (1 << WORD) - 1
    wide = (state["state"]["state"], state["state"]["inc"])
    words = [part for value in wide for part in (value & mask, value >> WORD)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpack_generator(rng: np.random.Generator, words: NDArray[np.generic]) -> None:
    low, high, inc_low, inc_high, has_uint32, uinteger = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << WORD | low, "inc": inc_high << WORD | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }

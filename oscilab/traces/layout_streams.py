"""Create the parts of a run file that grow during the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab.traces import hdf5
from oscilab.traces.plan import READING_QUANTITIES, BatchFlag, Coding, RunPlan

SLOTS = 2
CODE_TYPE = np.dtype(np.int16)
NO_CODE = np.int16(-32768)
NAME_ROOM = 256

TRAINING_COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "step": ("i8", "1", "training step"),
    "node_number": ("i4", "1", "node of the schedule that was measured"),
    "loss": ("f8", "1", "force-matching loss"),
    "gradient_norm": ("f8", "1", "Euclidean norm of the loss gradient"),
    "redrawn": ("f4", "1", "share of points redrawn because they were beyond the clamps"),
    "projected": ("f4", "1", "share of parameters moved by the projection"),
    "elapsed": ("f8", "s", "time since the run started"),
    "utc": ("f8", "seconds since 1970-01-01T00:00:00Z", "when the batch was committed"),
    "status": ("u1", "1", "what happened"),
}

READING_NAMES: Mapping[str, str] = {
    "set_points": "clamp set-point",
    "positions": "measured position",
    "forces": "measured force",
    "start": "measured position before release",
    "end": "measured position after release",
    "targets": "force that learning aims at",
}


def make_segment(entry: hdf5.Group) -> None:
    """Create the description of this segment and of the process that writes it."""
    group = hdf5.make_group(entry, "segment", "NXcollection")
    for name, kind in (("number", np.int32), ("first_row", np.int64), ("pid", np.int64)):
        hdf5.annotate(group.create_dataset(name, data=kind(0)), units="1")
    for name in ("reason", "host", "process_start", "start_time"):
        hdf5.write_text(group, name, "", room=NAME_ROOM)


def make_training(entry: hdf5.Group) -> None:
    """Create the table of measured batches, with one row for each."""
    group = hdf5.make_group(entry, "training", "NXdata", signal="loss", axes=["batch"])
    batch = hdf5.make_growing_scale(
        group, "batch", "i8", units="1", long_name="number of the measured batch"
    )
    for name, (kind, units, meaning) in TRAINING_COLUMNS.items():
        hdf5.make_growing(group, name, (), kind, [batch], units=units, long_name=meaning)
    hdf5.annotate(group["utc"], calendar="proleptic_gregorian", standard_name="time")
    hdf5.annotate(
        group["status"],
        flag_masks=np.array([flag.value for flag in BatchFlag], np.uint8),
        flag_meanings=" ".join(str(flag.name).lower() for flag in BatchFlag),
    )
    _make_counter(group, "batches whose every row is in the file")


def make_readings(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Create the datasets for the readings of logged batches."""
    group = hdf5.make_group(
        entry,
        "readings",
        "NXdata",
        signal=READING_QUANTITIES[plan.reading][-1],
        axes=["batch", "shot", "oscillator"],
        quantities=list(plan.quantities),
    )
    batch = hdf5.make_growing_scale(
        group, "batch", "i8", units="1", long_name="number of the measured batch"
    )
    shot = hdf5.make_scale(group, "shot", np.arange(plan.shots, dtype=np.int32), units="1")
    hdf5.share(group, scales["oscillator"])
    tail = (plan.shots, scales["oscillator"].shape[0])
    for name in plan.quantities:
        coding = plan.codings.get(name)
        dataset = hdf5.make_growing(
            group,
            name,
            tail,
            CODE_TYPE if coding else np.float32,
            [batch, shot, scales["oscillator"]],
            units="1",
            long_name=READING_NAMES[name],
        )
        if coding:
            _describe_coding(group, dataset, name, coding)
    if plan.reading == "position":
        hdf5.make_growing(
            group, "duration", (), "f8", [batch], units="1", long_name="array time of free motion"
        )
    hdf5.annotate(group.create_dataset("log_every", data=np.int64(plan.log_every)), units="1")
    _make_counter(group, "kept batches whose every reading is in the file")


def _describe_coding(group: hdf5.Group, dataset: Any, name: str, coding: Coding) -> None:
    hdf5.annotate(
        dataset,
        scale_factor=np.float64(coding.scale_factor),
        add_offset=np.float64(coding.add_offset),
        _FillValue=NO_CODE,
    )
    # NeXus expects the same two numbers in separate fields.
    group.create_dataset(f"{name}_scaling_factor", data=np.float64(coding.scale_factor))
    group.create_dataset(f"{name}_offset", data=np.float64(coding.add_offset))


def make_checkpoint(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Create the training state, in two slots of which one is always complete, and its history."""
    state = hdf5.make_group(entry, "checkpoint", "NXcollection")
    slot = hdf5.make_bare_scale(state, "slot", SLOTS)
    sizes = _Sizes(state, scales)
    for name in ("step", "batch"):
        hdf5.write_array(state, name, np.full(SLOTS, -1, np.int64), [slot], units="1")
    hdf5.annotate(
        state.create_dataset("current", data=np.int8(-1)),
        long_name="the slot that holds the newest whole state, -1 for none",
    )
    shape = (scales["node"].shape[0], scales["parameter"].shape[0])
    for name, template in {"parameters": np.zeros(shape), **plan.checkpoint}.items():
        array = hdf5.as_state(np.asarray(template))
        _make_slots(state, name, array, [slot, *sizes.dims(array.shape)])
    history = hdf5.make_group(
        entry, "history", "NXdata", signal="parameters", axes=["checkpoint", "node", "parameter"]
    )
    hdf5.share(history, scales["node"], scales["parameter"])
    scale = hdf5.make_growing_scale(history, "checkpoint", "i8", units="1")
    for name, kind, units in (("step", "i8", "1"), ("batch", "i8", "1"), ("elapsed", "f8", "s")):
        hdf5.make_growing(history, name, (), kind, [scale], units=units)
    hdf5.make_growing(
        history,
        "parameters",
        shape,
        np.float32,
        [scale, scales["node"], scales["parameter"]],
        units="1",
        long_name="drive parameters",
    )
    _make_counter(history, "checkpoints whose every row is in the file")


def _make_slots(group: hdf5.Group, name: str, array: NDArray[np.generic], dims: list[Any]) -> None:
    shape = (SLOTS, *array.shape)
    # Chunked, so that a new segment is small and fits on an almost full disk.
    chunk = (1, *hdf5.chunk_of(array.shape, array.dtype.itemsize)[1:]) if array.size else None
    dataset = group.create_dataset(name, shape=shape, chunks=chunk, dtype=array.dtype)
    hdf5.attach(dataset, dims)


def state_arrays(entry: hdf5.Group) -> dict[str, Any]:
    """Return the datasets `[slot, ...]` of the training state by name."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "keys") and not item.is_scale and item.shape[:1] == (SLOTS,):
            found[name] = item

    if "checkpoint" in entry:
        entry["checkpoint"].visititems(visit)
    return found


class _Sizes:
    """Dimension scales by length, for arrays whose axes have no names."""

    def __init__(self, group: hdf5.Group, scales: dict[str, Any]) -> None:
        self.group = group
        self.named = {scales[name].shape[0]: scales[name] for name in ("parameter", "node")}
        self.made: dict[tuple[int, int], Any] = {}

    def dims(self, shape: tuple[int, ...]) -> list[Any]:
        found: list[Any] = []
        for axis, length in enumerate(shape):
            named = self.named.get(length)
            repeat = shape[:axis].count(length)
            found.append(named if named is not None and not repeat else self._make(length, repeat))
        return found

    def _make(self, length: int, repeat: int) -> Any:
        key = (length, repeat)
        if key not in self.made:
            name = f"length_{length}" + (f"_{repeat + 1}" if repeat else "")
            self.made[key] = hdf5.make_bare_scale(self.group, name, length)
        return self.made[key]


def make_protocol(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Create the dataset of the protocol."""
    group = hdf5.make_group(
        entry, "protocol", "NXdata", signal="parameters", axes=["node", "parameter"]
    )
    hdf5.share(group, scales["node"], scales["parameter"])
    shape = (scales["node"].shape[0], scales["parameter"].shape[0])
    hdf5.write_array(
        group,
        "parameters",
        np.full(shape, np.nan),
        [scales["node"], scales["parameter"]],
        units="1",
        long_name="drive parameters",
    )
    hdf5.write_array(group, "noising_time", plan.schedule.nodes, [scales["node"]], units="1")
    hdf5.annotate(
        group.create_dataset("written", data=np.int8(0)), long_name="whether it is complete"
    )


def make_trajectory(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Create the datasets for playbacks of the protocol."""
    copy = hdf5.make_growing_scale(entry, "copy", "i4", units="1", long_name="copy number")
    group = hdf5.make_group(
        entry, "trajectory", "NXdata", signal="positions", axes=["copy", "time", "oscillator"]
    )
    hdf5.share(group, copy, scales["oscillator"])
    time = hdf5.make_growing_scale(
        group, "time", "f8", units="1", long_name="array time since the protocol's start"
    )
    times, oscillators = max(1, plan.record_times), scales["oscillator"].shape[0]
    rows, *rest = hdf5.chunk_of((times, oscillators), 4)
    dataset = group.create_dataset(
        "positions",
        shape=(0, 0, oscillators),
        maxshape=(None, None, oscillators),
        chunks=(min(rows, max(1, plan.samples)), *rest),
        dtype=np.float32,
        fill_time="never",
    )
    hdf5.attach(dataset, [copy, time, scales["oscillator"]])
    hdf5.annotate(dataset, units="1", long_name="position")
    for name, meaning in (("work", "work done by the drive"), ("heat", "heat taken by the bath")):
        hdf5.make_growing(group, name, (), "f8", [copy], units="1", long_name=f"{meaning}, in kT")
    _make_counter(group, "copies whose every position is in the file")


def _make_counter(group: hdf5.Group, meaning: str) -> None:
    dataset = group.create_dataset("n_committed", data=np.int64(0))
    hdf5.annotate(dataset, units="1", long_name=meaning)

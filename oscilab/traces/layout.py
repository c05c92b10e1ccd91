"""Create all objects of a run file from its plan, before anything is measured.

FORMAT.md describes the result. The layout is built in memory, and every segment of the run starts
as a copy of its bytes, so that a file either does not exist or has all objects.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.hdf5 import h5py
from oscilab.traces.layout_array import write_array_description, write_schedule
from oscilab.traces.layout_streams import (
    make_checkpoint,
    make_protocol,
    make_readings,
    make_segment,
    make_training,
    make_trajectory,
)
from oscilab.traces.plan import ChannelScale, RunPlan, installed_versions

STATUS_ROOM = 16


def build_image(plan: RunPlan) -> bytes:
    """Return the bytes of an empty run file.

    Raises:
        InvalidInput: the configuration cannot be written as JSON.
    """
    with h5py.File(
        "layout.h5", "w", driver="core", backing_store=False, libver=hdf5.LIBVER, **hdf5.PAGES
    ) as file:
        build(file, plan)
        file.flush()
        return file.id.get_file_image()


def build(file: hdf5.Group, plan: RunPlan) -> None:
    """Create every object of a run in an empty file."""
    mark_root(file)
    entry = hdf5.make_group(file, "entry", "NXentry")
    hdf5.annotate(entry, default="training" if plan.kind == "train" else "trajectory")
    _write_heading(entry, plan)
    make_segment(entry)
    scales = _make_scales(entry, plan)
    _write_configuration(entry, plan)
    _write_provenance(entry, plan)
    write_array_description(entry, plan, scales)
    write_schedule(entry, plan, scales)
    _write_channels(entry, plan)
    _write_calibration(entry, plan)
    make_protocol(entry, plan, scales)
    make_trajectory(entry, plan, scales)
    if plan.kind == "train":
        make_training(entry)
        make_checkpoint(entry, plan, scales)
        if plan.log_every:
            make_readings(entry, plan, scales)


def mark_root(file: hdf5.Group) -> None:
    """Write the attributes of the root group."""
    hdf5.annotate(
        file,
        NX_class="NXroot",
        default="entry",
        Conventions="CF-1.11",
        creator="oscilab",
        oscilab_version=installed_versions()["oscilab"],
        schema=hdf5.SCHEMA,
        schema_version=np.int32(hdf5.SCHEMA_VERSION),
        file_time=utc_text(time.time()),
        HDF5_Version=h5py.version.hdf5_version,
        h5py_version=h5py.version.version,
    )


def utc_text(seconds: float) -> str:
    """Return a time in UTC as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _write_heading(entry: hdf5.Group, plan: RunPlan) -> None:
    hdf5.write_text(entry, "title", plan.title)
    hdf5.write_text(entry, "kind", plan.kind)
    hdf5.write_text(entry, "start_time", utc_text(time.time()))
    hdf5.write_text(entry, "end_time", "", room=32)
    hdf5.write_text(entry, "status", "running", room=STATUS_ROOM)


def _make_scales(entry: hdf5.Group, plan: RunPlan) -> dict[str, Any]:
    potential = plan.description.potential
    lengths = {
        "oscillator": potential.oscillators,
        "slice": plan.schedule.slices,
        "node": len(plan.schedule.nodes),
        "parameter": potential.parameters,
    }
    return {
        name: hdf5.make_scale(
            entry, name, np.arange(length, dtype=np.int32), units="1", long_name=f"{name} number"
        )
        for name, length in lengths.items()
    }


def _write_configuration(entry: hdf5.Group, plan: RunPlan) -> None:
    try:
        hdf5.write_json(entry, "configuration", dict(plan.configuration))
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"the run's configuration cannot be written as JSON: {error}; use plain numbers, "
            "texts, lists and tables"
        ) from error


def _write_provenance(entry: hdf5.Group, plan: RunPlan) -> None:
    given = plan.provenance
    group = hdf5.make_group(entry, "provenance", "NXcollection")
    hdf5.annotate(
        group.create_dataset("simulated", data=np.int8(given.simulated)),
        long_name="whether the data were made by a simulation",
        flag_values=np.array([0, 1], np.int8),
        flag_meanings="measured simulated",
    )
    identity = given.identity
    hdf5.write_json(
        group,
        "identity",
        {
            "name": identity.name,
            "kind": identity.kind,
            "serial": identity.serial,
            "simulated": identity.simulated,
            "details": dict(identity.details),
        },
    )
    hdf5.write_json(group, "versions", dict(given.versions))
    for name in ("bench_hash", "calibration_hash", "faults", "git_commit", "note", "parent"):
        hdf5.write_text(group, name, getattr(given, name))


def _write_channels(entry: hdf5.Group, plan: RunPlan) -> None:
    channels = plan.channels or tuple(
        ChannelScale(f"oscillator {number}")
        for number in range(plan.description.potential.oscillators)
    )
    group = hdf5.make_group(entry, "channels", "NXcollection")
    scale = hdf5.make_scale(group, "channel", np.arange(len(channels), dtype=np.int32), units="1")
    for name in ("name", "target", "units"):
        hdf5.write_texts(group, name, [getattr(channel, name) for channel in channels], [scale])
    for name in ("gain", "offset"):
        values = np.array([getattr(channel, name) for channel in channels])
        hdf5.write_array(group, name, values, [scale])


def _write_calibration(entry: hdf5.Group, plan: RunPlan) -> None:
    group = hdf5.make_group(entry, "calibration", "NXcollection")
    hdf5.write_text(group, "hash", plan.provenance.calibration_hash)
    for name, values in plan.calibration.items():
        array = np.asarray(values)
        dims = [
            hdf5.make_bare_scale(group, f"{name}_axis{axis}", length)
            for axis, length in enumerate(array.shape)
        ]
        hdf5.write_array(group, name, array, dims)

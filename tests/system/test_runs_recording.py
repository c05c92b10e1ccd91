"""The records of a wired array in a run file: lines, calibration, converter codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import oscilab
from oscilab.arrays.record import DeviceRecord, LineRecord
from oscilab.runs.recording import codings

SMALL = {"steps": 2, "slices": 3, "samples": 20, "batch": 16}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wired") / "run.h5"
    return oscilab.train("two-gaussians", "virtual-flawed", overrides=SMALL, out=path).path


@pytest.mark.parametrize("name", ["positions", "forces"])
def test_readings_are_codes_that_lose_less_than_the_converter_did(run: Path, name: str) -> None:
    with h5py.File(run) as file:
        stored = file[f"entry/readings/{name}"]
        assert stored.dtype == np.int16
        scale, offset = stored.attrs["scale_factor"], stored.attrs["add_offset"]
        assert file[f"entry/readings/{name}_scaling_factor"][()] == scale
        assert file[f"entry/readings/{name}_offset"][()] == offset
        channels = file["entry/channels"]
        targets = [each.decode() for each in channels["target"][:]]
        gains = channels["gain"][:]
        lines = [number for number, it in enumerate(targets) if it.startswith(f"{name[:-1]}[")]
        # The converters of this bench have 16 bits over 20 V.
        assert len(lines) == 2
        assert scale <= 1.5 * np.abs(gains[lines]).min() * 20 / 2**16
        codes = stored[...].astype(float)
        assert codes.std() > 0
    with oscilab.open_run(run) as opened:
        np.testing.assert_allclose(
            opened.tree["readings"][name].values, codes * scale + offset, rtol=1e-6
        )
    for engine in ("h5netcdf", "netcdf4"):
        if engine == "netcdf4":
            pytest.importorskip("netCDF4", reason="pip install netCDF4")
        with xarray.open_dataset(run, group="entry/readings", engine=engine) as readings:
            np.testing.assert_allclose(
                readings[name].values, codes * scale + offset, rtol=1e-6, atol=1e-6 * scale
            )


def test_silx_scales_the_codes(run: Path) -> None:
    silx_io = pytest.importorskip("silx.io", reason="pip install silx")
    from silx.io import nxdata

    with silx_io.open(str(run)) as file:
        data = nxdata.NXdata(file["entry/readings"])
        assert data.is_valid
        assert data.signal_dataset_name == "forces"


def test_lines_and_calibration_are_kept(run: Path) -> None:
    with oscilab.open_run(run) as opened:
        channels, calibration = opened.tree["channels"], opened.tree["calibration"]
        targets = channels.target.values.tolist()
        assert {"bias[0]", "coupling[0,1]", "clamp[1]", "clamp_enable", "force[1]"} <= set(targets)
        assert set(channels.units.values) == {"1"}
        position = targets.index("position[0]")
        assert channels["name"].values[position].startswith("ai")
        assert channels.gain.values[position] != 1.0
        assert len(calibration.gain_error) == len(targets)
        assert float(calibration.kT) == pytest.approx(1.380649e-23 * 293.15, rel=0.5)
        assert float(calibration.nominal) in (0.0, 1.0)


@pytest.mark.parametrize("device", ["sim", "virtual0"])
def test_without_converters_readings_stay_floats(tmp_path: Path, device: str) -> None:
    result = oscilab.train("two-gaussians", device, overrides=SMALL, out=tmp_path / "run.h5")
    with h5py.File(result.path) as file:
        assert file["entry/readings/forces"].dtype == np.float32


BITS = 14
LINE = LineRecord("ai0", "force[0]", gain=0.5, lower=-10, upper=10, resolution=20 / 2**BITS)


@pytest.mark.parametrize(
    ("line", "average", "coded"),
    [
        (LINE, 1, True),
        # An average of 4 readings needs a grid of half a step, one of 64 a finer grid than that of
        # 16 bits.
        (LINE, 4, True),
        (LINE, 64, False),
        (replace(LINE, resolution=20 / 2**16), 1, True),
        (replace(LINE, resolution=20 / 2**16), 4, False),
        (replace(LINE, resolution=20 / 2**18), 1, False),
        (replace(LINE, resolution=0.0), 1, False),
    ],
)
def test_codes_are_used_where_sixteen_bits_suffice(
    line: LineRecord, average: int, coded: bool
) -> None:
    other = replace(line, name="ai1", target="force[1]", gain=-0.55, offset=0.1)
    found = codings(DeviceRecord((line, other), average), "force")
    assert ("forces" in found) == coded
    if coded:
        coding = found["forces"]
        for each in (line, other):
            for volts in (each.lower, each.upper):
                force = (volts - each.offset) / each.gain
                assert abs(force - coding.add_offset) / coding.scale_factor < 32767


def test_positions_of_a_wired_array_are_codes_too(tmp_path: Path) -> None:
    told = {**SMALL, "rule": "displacement"}
    result = oscilab.train("two-gaussians", "virtual-flawed", overrides=told, out=tmp_path / "r.h5")
    with h5py.File(result.path) as file:
        assert {file[f"entry/readings/{name}"].dtype for name in ("start", "end")} == {
            np.dtype(np.int16)
        }

"""The output of `oscilab traces export`, read back by common libraries."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import small_runs
import xarray

from oscilab.cli.main import main
from oscilab.errors import InvalidInput
from oscilab.traces.export import export
from oscilab.traces.run import open_run

STEPS = 12


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_run(tmp_path_factory.mktemp("runs") / "run.h5", STEPS)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_runs.write_torn_run(tmp_path_factory.mktemp("pieces") / "torn.h5")


def test_netcdf_export_is_one_netcdf_file(in_pieces: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.nc"
    assert main(["traces", "export", str(in_pieces), "--out", str(out)]) == 0
    with xarray.open_datatree(out, engine="h5netcdf") as tree, open_run(in_pieces) as run:
        for group in ("training", "readings", "history"):
            for name, values in run.tree[group].data_vars.items():
                if name != "n_committed":
                    np.testing.assert_array_equal(tree[f"entry/{group}"][name], values)
    assert main(["traces", "export", str(in_pieces), "--out", str(out)]) == 2


def test_zarr_export_holds_the_same(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr", reason="pip install zarr")
    # Small blocks, so that rows are appended.
    monkeypatch.setattr("oscilab.traces.export.BLOCK", 4000)
    out = tmp_path / "run.zarr"
    with open_run(finished) as run:
        export(run, "zarr", out)
        for group in ("training", "readings", "history", "trajectory", "result/samples"):
            with xarray.open_zarr(out, group=group, consolidated=False) as exported:
                for name, values in run.tree[group].data_vars.items():
                    np.testing.assert_array_equal(exported[name].values, values.values)


def test_zarr_export_without_zarr_says_what_to_install(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with open_run(finished) as run, pytest.raises(InvalidInput, match="pip install zarr"):
        export(run, "zarr", tmp_path / "run.zarr")


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_export_holds_tables_to_the_last_digit(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables"
    assert main(["traces", "export", str(finished), "--to", "csv", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "energetics.csv", "figures.csv", "protocol.csv", "samples_raw.csv", "samples_shown.csv",
        "training.csv",
    ]  # fmt: skip
    training = read_table(out / "training.csv")
    expected = np.concatenate([small_runs.rows(step)["loss"] for step in range(STEPS)])
    assert [float(row["loss"]) for row in training] == expected.tolist()
    assert read_table(out / "figures.csv") == [{"figure": "sliced_wasserstein", "value": "0.125"}]
    protocol = read_table(out / "protocol.csv")
    assert float(protocol[1]["coupling[0,1]"]) == small_runs.parameters(STEPS)[1][27]


def test_an_unknown_format_is_refused(finished: Path, tmp_path: Path) -> None:
    with open_run(finished) as run, pytest.raises(InvalidInput, match="netcdf, zarr, csv"):
        export(run, "matlab", tmp_path / "x")

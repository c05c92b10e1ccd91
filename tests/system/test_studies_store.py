"""The store of a study's points, with damaged, missing or unwritable files."""

from __future__ import annotations

from pathlib import Path

import pytest

from oscilab.cli.main import main
from oscilab.errors import CannotDo, InvalidInput
from oscilab.progress import Quiet
from oscilab_experiments.studies.study import Point
from oscilab_experiments.studies.sweep import Store, measure, sweep

POINT = Point("p0", "studies_work:square", {"number": 3})


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "{}", "null", '{"settings": {"number": 3}}'])
def test_a_spoilt_point_is_named_with_its_remedy(tmp_path: Path, spoilt: str) -> None:
    """A power failure can leave any of these files."""
    sweep([POINT], Store(tmp_path), Quiet())
    path = tmp_path / "points" / "p0.json"
    path.write_text(spoilt, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"p0\.json cannot be read as a .* point: .* remove"):
        Store(tmp_path).load(POINT)


def test_a_point_whose_run_file_was_removed_is_measured_again(tmp_path: Path) -> None:
    sweep([POINT], Store(tmp_path), Quiet())
    (tmp_path / "runs" / "p0.txt").unlink()
    assert Store(tmp_path).load(POINT) is None
    (again,) = sweep([POINT], Store(tmp_path), Quiet())
    assert again.files[".txt"].read_text(encoding="utf-8") == "3"


@pytest.mark.parametrize("taken", ["", "points", "runs"])
def test_results_that_cannot_be_written_are_refused_in_a_sentence(
    tmp_path: Path, taken: str
) -> None:
    folder = tmp_path / "results"
    (folder / taken).parent.mkdir(exist_ok=True)
    (folder / taken).write_text("a file", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"cannot be (made|written): "):
        Store(folder).keep(POINT, measure(POINT))


def test_a_study_into_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert main(["experiment", "delta", "--quick", "--out", str(taken)]) == 2
    assert f"folder {taken} cannot be made: " in capsys.readouterr().err


def test_what_a_point_is_refused_for_names_the_point() -> None:
    with pytest.raises(CannotDo) as refused:
        measure(Point("p7", "studies_work:refuse", {}))
    assert refused.value.__notes__ == ["that was point p7; finished points are kept"]

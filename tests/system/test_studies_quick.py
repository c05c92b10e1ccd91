"""Every study at its quick size, by its command, and its main result."""

import csv
from pathlib import Path

import pytest

from oscilab.cli.main import main
from oscilab_experiments.studies.two_gaussians import RULES

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"


@pytest.fixture
def study(tmp_path, capsys, monkeypatch):
    """Run a study in an empty folder, and return the rows of its table."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        assert main(["experiment", name, "--quick", *arguments]) == 0, capsys.readouterr().err
        folder = tmp_path / "results" / f"{name}-quick"
        for suffix in (".png", ".pdf"):
            assert (folder / f"{name}{suffix}").stat().st_size > 10_000
        written = (folder / f"{name}.md").read_text("utf-8")
        assert written in capsys.readouterr().out
        assert f"oscilab experiment {name} --quick" in written
        assert name == "delta" or list((folder / "runs").glob("*.h5"))
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return run


@pytest.mark.slow
def test_two_gaussians_by_every_rule(study):
    """Batch rules come as close to the truth as force matching, which its terms limit.

    At full size the distance scatters by 2 % between seeds, mostly because of the number of
    samples. There are five times fewer here, so about 5 % per seed, and 5 % in a ratio of means of
    two. 30 % is six of these (1e-9 if Gaussian, which was not measured). CD1 scatters more at this
    size: 0.13 was observed beside 0.12, with its two seeds 0.03 apart. Seeds are fixed. Online
    force matching was at 0.29, the others with as few releases at 0.29 to 0.34; a unit Gaussian,
    the result without learning, is at 0.45.
    """
    rows = {row["rule"]: row for row in study("two-gaussians")}
    distance = {rule: float(row["distance"]) for rule, row in rows.items()}
    matched = distance["force-matching"]
    assert matched == pytest.approx(distance["optimum"], rel=0.3)
    for rule in ("displacement", "reverse-path", "reverse-path-displacement"):
        assert distance[rule] == pytest.approx(matched, rel=0.3)
    assert distance["cd1"] == pytest.approx(matched, rel=0.6)
    for rule in RULES:
        assert distance[f"{rule}, online"] < 0.4
    assert distance["truth"] < 0.5 * matched
    assert float(rows["force-matching"]["missed"]) < 0.02
    assert float(rows["cd1"]["missed"]) > float(rows["force-matching"]["missed"])


@pytest.mark.slow
def test_heat_grows_with_speed(study):
    """Heat grows by about c times 1.1 kT: from c = 0.5 to 2 by more than 1.3 kT.

    Observed: 1.29 kT with 6 slices and with 24. The intervals over two seeds give each mean a
    standard error of 0.02 to 0.08 kT, so 0.6 is more than five standard errors of the difference
    (6e-7).
    """
    rows = study("energetics")
    heat = {(row["slices"], row["speed"]): float(row["heat (kT)"]) for row in rows}
    for slices in ("6", "24"):
        assert heat[slices, "2"] - heat[slices, "0.5"] > 0.6
        assert heat[slices, "0.5"] > 0.5


@pytest.mark.slow
def test_what_a_small_delta_costs(study):
    """Displacement is biased by a large delta; of a small one its noise is cd1's quarter.

    A bias of 0.06 is expected at delta = 0.4 and 0.001 at 0.05, where chance leaves 0.002: 0.03 is
    ten of that from either. A mean of two seeds of 50 gradients has its noise to some 10 % (the
    trace of a covariance whose largest of ten values carries half), ratios to 15 %, so that
    factors of 2 and of 1.7 from what the theory says are 3.5 standard errors or more: one in 1000
    sets of seeds fails by chance. Seeds are fixed.
    """
    rows = {(row["rule"], row["delta"]): row for row in study("delta")}

    def noise(rule, delta):
        return float(rows[rule, delta]["noise of array time 1"])

    bias = {delta: float(rows["displacement", delta]["bias"]) for delta in ("0.05", "0.4")}
    assert abs(bias["0.05"]) < 0.03 < bias["0.4"]
    assert abs(float(rows["cd1", "0.4"]["bias"])) < 0.03
    assert 0.5 < noise("displacement", "0.4") / noise("displacement", "0.05") < 2
    assert 4 / 1.7 < noise("cd1", "0.05") / noise("displacement", "0.05") < 4 * 1.7
    assert noise("reverse-path", "0.05") > 2 * noise("reverse-path", "0.4")


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST's IDX files are not in ../shared/data/mnist")
def test_force_matching_is_the_more_faithful_on_mnist(study):
    """At the same few points CD1's forces and samples are further from the data.

    Seen over two seeds: it misses 0.195 of what force matching learns, 0.194 and 0.196 (0.1 is some
    ninety standard errors off), at distances of 0.231 and 0.242 beside 0.122 and 0.120, whose means
    differ by twenty standard errors and are ten from the bound. Seeds are fixed.
    """
    rows = {row["rule"]: row for row in study("mnist01", "--data", str(MNIST))}
    assert float(rows["cd1"]["missed"]) > 0.1
    assert float(rows["force-matching"]["distance"]) < 0.8 * float(rows["cd1"]["distance"])


def test_mnist_without_data_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "mnist01"]) == 2
    assert "needs MNIST's IDX files; name their folder with --data" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_an_unknown_study_names_the_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "mnist10"]) == 2
    assert "the studies are: two-gaussians, mnist01, delta, energetics" in capsys.readouterr().err

"""Intervals of a study, and both formats of its table."""

import csv
import io

import pytest
from scipy import stats

from oscilab_experiments.studies.study import Interval, Table


def test_interval_is_students():
    """The interval agrees with scipy's."""
    values = [1.0, 2.0, 4.0, 3.5, 2.5]
    found = Interval.of(values)
    low, high = stats.t.interval(0.95, 4, loc=found.mean, scale=stats.sem(values))
    assert found.mean - found.half == pytest.approx(low)
    assert found.mean + found.half == pytest.approx(high)
    assert found.n == 5


def test_a_single_value_has_no_interval():
    assert str(Interval.of([0.12345])) == "0.123"


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.11512, 0.0021, 5), "0.1151 ± 0.0021"),
        (Interval(3.2, 0.47, 3), "3.20 ± 0.47"),
        (Interval(120.4, 13.0, 3), "120 ± 13"),
        (Interval(0.5, 0.0, 2), "0.5 ± 0"),
    ],
)
def test_digits_follow_the_interval(interval, text):
    assert str(interval) == text


def test_csv_has_everything_and_markdown_what_is_compared():
    table = Table(
        [{"rule": "cd1", "distance": Interval(0.11, 0.01, 5), "mean 0 of 1": 0.25}],
        ["A note."],
        frozenset({"mean 0 of 1"}),
    )
    (row,) = csv.DictReader(io.StringIO(table.csv()))
    assert row == {
        "rule": "cd1", "distance": "0.11", "distance_half": "0.01", "mean 0 of 1": "0.25"
    }  # fmt: skip
    lines = table.markdown().splitlines()
    assert lines[0] == "| rule | distance |"
    assert lines[2] == "| cd1 | 0.110 ± 0.010 |"
    assert lines[-1] == "A note."

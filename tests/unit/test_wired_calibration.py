from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.errors import InvalidInput
from oscilab.physics import Potential, all_to_all
from oscilab.wired import Units, parts_of, read_calibration, write_calibration


def test_units_follow_from_three_constants():
    units = Units(kT=4e-21, stiffness=1e-6, mobility=2e7)
    assert units.length == pytest.approx(np.sqrt(4e-15))
    assert units.time == pytest.approx(0.05)
    # A spring of one unit at one unit of length stores kT / 2 and pulls with kT / l.
    assert units.coefficient(2) == pytest.approx(1e-6)
    assert units.coefficient(2) * units.length == pytest.approx(units.force)
    potential = Potential(all_to_all(2), ["quartic", "square_linear"])
    assert units.of_target("quartic[0]", potential) == pytest.approx(units.kT / units.length**4)
    assert units.of_target("square_linear[0,1]", potential) == units.coefficient(3)
    assert units.of_target("position[1]", potential) == units.length


def test_a_file_keeps_every_number(tmp_path):
    calibration = replace(
        parts_of(pair()).calibration, nominal=False, kT_error=1e-23, response_s=1e-5
    )
    path = tmp_path / "c.toml"
    write_calibration(calibration, path)
    read = read_calibration(path)
    assert dict(read.lines) == dict(calibration.lines)
    assert read.units == calibration.units
    assert (read.kT_error, read.response_s, read.gauge) == (1e-23, 1e-5, calibration.gauge)
    assert abs(read.date - calibration.date) < timedelta(seconds=2)
    assert len(read.sha256) == 64
    assert not list(tmp_path.glob("*.part"))


def test_a_device_reads_its_file_and_refuses_one_that_does_not_fit(tmp_path):
    parts = parts_of(pair())
    lines = dict(parts.calibration.lines)
    lines["ao0"] = lines["ao0"].model_copy(update={"offset": 0.25})
    path = tmp_path / "c.toml"
    write_calibration(replace(parts.calibration, lines=lines), path)
    device = pair(tmp_path, calibration="c.toml")
    array = opened(device)
    array.measure_forces(array.description.potential.vector(stiffness=1.0), [[0.0, 0.0]])
    # A bias of zero now needs a quarter of a volt.
    assert array.wired.front_end.board.levels[0] == 0.25
    lines["ao0"] = lines["ao0"].model_copy(update={"target": "bias[1]"})
    write_calibration(replace(parts.calibration, lines=lines), path)
    with pytest.raises(InvalidInput, match=r"line ao0, .* was calibrated as bias\[1\]"):
        parts_of(device)
    lines["ao0"] = lines["ao0"].model_copy(update={"target": "bias[0]", "gain": 0.0})
    write_calibration(replace(parts.calibration, lines=lines), path)
    with pytest.raises(InvalidInput, match=r"line ao0, .* has gain 0"):
        parts_of(device)
    del lines["ao0"]
    write_calibration(replace(parts.calibration, lines=lines), path)
    with pytest.raises(InvalidInput, match=r"line ao0, .* is missing"):
        parts_of(device)


def test_concerns_name_a_missing_an_old_and_a_foreign_calibration():
    nominal = parts_of(pair()).calibration
    assert "no calibration" in nominal.concerns("pair", "s1")[0]
    now = datetime.now(UTC)
    device = nominal.device.model_copy(update={"name": "pair", "serial": "s1"})
    measured = replace(nominal, nominal=False, device=device, date=now - timedelta(days=3))
    assert measured.concerns("pair", "s1", now) == []
    assert "of device s1, not of s2" in measured.concerns("pair", "s2", now)[0]
    assert "made of device pair, not of twin" in measured.concerns("twin", "", now)[0]
    old = replace(measured, date=now - timedelta(days=100))
    assert "100 days old" in old.concerns("pair", "s1", now)[0]


def test_a_calibration_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_calibration(parts_of(pair()).calibration, tmp_path / "no" / "c.toml")


def test_a_design_gain_uses_the_volts_that_both_ends_of_a_range_have():
    """From -0.5 to 2 within -1 to 10 V: 1 V for 0.5 downwards binds before 10 V for 2 upwards."""
    limits = {
        "outputs": {"range": [-10.0, 10.0], "slew": 1e6, "safe": 0.0},
        "ao0": {"range": [-1.0, 10.0], "slew": 1e6, "safe": 0.0},
        "clamp_enable": {"safe": True},
    }
    parts = parts_of(pair(limits=limits, settings={"ranges": {"bias": [-0.5, 2.0]}}))
    unit = parts.calibration.units.of_target("bias[0]", parts.potential)
    assert parts.calibration.lines["ao0"].gain * unit == pytest.approx(2.0)
    assert parts.calibration.lines["ao1"].gain * unit == pytest.approx(5.0)


@pytest.mark.parametrize("key", ["clamp", "longest_s", "position_span"])
def test_settings_without_end_are_refused(key):
    with pytest.raises(InvalidInput, match=f"settings.{key} is inf, but must be a finite"):
        parts_of(pair(settings={key: np.inf}))

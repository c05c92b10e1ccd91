"""Requests to a run: refusals change nothing, are counted, and do not fill the disk."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oscilab.live.control import (
    A_SECOND,
    BURST,
    LOG_BYTES,
    MOST_BYTES,
    Budget,
    ControlLog,
    Doorkeeper,
)

TOKEN = "the right one"


class Calls(list):
    def do(self):
        self.append("done")
        return "as asked"


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def log(tmp_path):
    log = ControlLog(tmp_path / "run.control.log")
    yield log
    log.close()


@pytest.fixture
def doorkeeper(calls, log):
    return Doorkeeper(TOKEN, {"pause": calls.do}, log)


def request(**changes):
    table = {"version": 1, "token": TOKEN, "do": "pause", "number": 7, **changes}
    return json.dumps(
        {key: value for key, value in table.items() if value != "leave away"}
    ).encode()


def test_the_right_token_opens(doorkeeper, calls, log, tmp_path):
    answer = doorkeeper.answer(request(), "127.0.0.1")
    assert answer == {"version": 1, "ok": True, "number": 7, "said": "as asked"}
    assert calls == ["done"]
    assert log.refused == 0
    assert "pause: as asked, asked for by 127.0.0.1" in (tmp_path / "run.control.log").read_text()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (request(token="leave away"), "no token"),
        (request(token=None), "no token"),
        (request(token=""), "no token"),
        (request(token="a wrong one"), "a wrong token"),
        (request(token=TOKEN + " "), "a wrong token"),
        (request(token=7), "a wrong token"),
        (request(token="\ud800"), "a wrong token"),
        (request(do="format the disk"), "not one of pause"),
        (request(do=["pause"]), "not one of pause"),
        (request(number="seven"), "not one of pause"),
        (request(version=2), "no request of this version"),
        (request(padding="x" * MOST_BYTES), "no request of this version"),
        (b"", "no request of this version"),
        (b"pause", "no request of this version"),
        (b"[1]", "no request of this version"),
        (b"[" * MOST_BYTES, "no request of this version"),
        (b"\xff\xff", "no request of this version"),
    ],
)
def test_anything_else_is_refused_and_logged(doorkeeper, calls, log, tmp_path, asked, reason):
    answer = doorkeeper.answer(asked, "127.0.0.1")
    assert not answer["ok"]
    assert reason in answer["said"]
    assert TOKEN not in str(answer)
    assert calls == []
    assert log.refused == 1
    written = (tmp_path / "run.control.log").read_text()
    assert "refused a request of 127.0.0.1" in written
    assert TOKEN not in written


@given(st.binary(max_size=MOST_BYTES + 10))
def test_noise_does_nothing(noise):
    calls = Calls()

    class Deaf:
        refused = 0

        def refuse(self, reason, who):
            self.refused += 1

    log = Deaf()
    assert not Doorkeeper(TOKEN, {"pause": calls.do}, log).answer(noise, "x")["ok"]
    assert calls == []
    assert log.refused == 1


def test_refusals_in_numbers_share_a_line(doorkeeper, log, tmp_path):
    for _ in range(1000):
        doorkeeper.answer(b"noise", "127.0.0.1")
    log.close()
    assert log.refused == 1000
    lines = (tmp_path / "run.control.log").read_text().splitlines()
    assert len(lines) < 100  # one per second of this test, and the last
    assert "since the last such line" in lines[-1]


def test_the_log_is_bounded_and_one_line_stays_one(log, tmp_path):
    for number in range(3000):
        log.granted(f"line {number}\nforged: " + 200 * "x", "ü\r\n")
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert sum(sizes) <= 2 * LOG_BYTES
    lines = (tmp_path / "run.control.log").read_text().splitlines()
    assert not [line for line in lines if line.startswith("forged")]


def test_a_flood_is_let_in_by_the_second():
    now = [0.0]
    budget = Budget(lambda: now[0])
    assert sum(budget.spend() for _ in range(10_000)) == BURST
    now[0] = 0.1
    assert sum(budget.spend() for _ in range(10_000)) == min(BURST, A_SECOND // 10)
    now[0] = 1000.0
    assert sum(budget.spend() for _ in range(10_000)) == BURST

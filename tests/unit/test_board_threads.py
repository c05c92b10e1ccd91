"""A virtual board that one thread drives while another reads."""

import threading
import time

from wired_benches import opened, pair


def test_only_one_thread_at_a_time_moves_the_oscillators(monkeypatch):
    array = opened(pair(connection={"pace": 1.0}))
    front_end, board = array.wired.front_end, array.wired.front_end.board
    moving, overlaps, over = threading.Lock(), [], threading.Event()

    def advance(seconds):
        if not moving.acquire(blocking=False):
            overlaps.append(seconds)
            return
        time.sleep(0.001)
        moving.release()

    monkeypatch.setattr(board, "advance", advance)

    def look_on():
        while not over.is_set():
            front_end.read_inputs(["di0"])

    watching = threading.Thread(target=look_on, daemon=True)
    watching.start()
    for _ in range(40):
        front_end.pause(0.001)
    over.set()
    watching.join()
    assert not overlaps
    array.close()

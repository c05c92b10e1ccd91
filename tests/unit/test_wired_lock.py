import os
import subprocess
import sys

import pytest

from oscilab.errors import DeviceBusy
from oscilab.wired.lock import DeviceLock, holder_of, is_held, lock_path, wait_until_free

HOLD = """
import sys
from oscilab.wired.lock import DeviceLock
lock = DeviceLock(sys.argv[1], "rack")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hardware():
    name = f"test {os.getpid()}"
    yield name
    lock_path(name).unlink(missing_ok=True)


def test_a_second_holder_is_refused_with_the_first_ones_number(hardware):
    first = DeviceLock(hardware, "rack")
    with pytest.raises(DeviceBusy, match=rf"device rack is driven by .*number {os.getpid()}\)"):
        DeviceLock(hardware, "rack")
    first.release()
    first.release()
    DeviceLock(hardware, "rack").release()
    assert not is_held(hardware)


def test_a_dead_process_keeps_no_lock(hardware):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, hardware], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline().strip() == b"held"
    assert is_held(hardware)
    assert holder_of(hardware) == process.pid
    assert not wait_until_free(hardware, 0.0)
    process.kill()
    process.communicate()
    assert wait_until_free(hardware, 10.0)
    DeviceLock(hardware, "rack").release()

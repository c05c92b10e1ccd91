"""The virtual rack's clock as an instrument: who asks it to wait lets the board's time pass."""

from __future__ import annotations

from oscilab_sim.scpi.backplane import Backplane
from oscilab_sim.scpi.call import Call
from oscilab_sim.scpi.instrument import Instrument

LONGEST_S = 1e7
WAIT = "SYST:TIME:WAIT? {seconds:.9g}"
NOW = "SYST:TIME:NOW?"


class RackClock(Instrument):
    """Without it a rack is timed by its computer, as a real one is."""

    def __init__(self, backplane: Backplane) -> None:
        super().__init__("oscilab,CLOCK,0,1.0")
        self._backplane = backplane
        self.tree.add("SYSTem:TIME:WAIT", ask=self._wait)
        self.tree.add("SYSTem:TIME:NOW", ask=lambda call: repr(float(backplane.now)))

    def _wait(self, call: Call) -> str:
        call.expect(1)
        seconds = call.number(0, "S", 0.0, LONGEST_S)
        self._backplane.wait(seconds)
        self.busy_s += seconds
        return repr(float(self._backplane.now))

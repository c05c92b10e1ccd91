"""For all tests."""

import signal

# A shell starts what runs in the background with SIGINT ignored, and processes inherit that: runs
# that tests interrupt would never hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

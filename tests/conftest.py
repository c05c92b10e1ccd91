"""Configuration of all tests."""

import signal

# A shell starts background jobs with SIGINT ignored, and child processes inherit that. Runs that
# tests interrupt would then never receive the signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

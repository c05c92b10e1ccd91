"""`oscilab`, and `python -m oscilab`: the command line, from its first import on."""

import sys


def run() -> int:
    """Return the exit code of `oscilab.cli.main`; Ctrl-C during its import is reported as well."""
    try:
        from oscilab.cli.main import main

        return main()
    except KeyboardInterrupt:
        # The code that reports it otherwise may not be imported yet.
        print("oscilab: stopped by Ctrl-C", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())

"""`oscilab`, and `python -m oscilab`: the command line, from its very first import on."""

import sys


def run() -> int:
    """The exit code of `oscilab.cli.main`; Ctrl-C while that is imported is a sentence as well."""
    try:
        from oscilab.cli.main import main

        return main()
    except KeyboardInterrupt:
        # What would say it otherwise may not be there yet.
        print("oscilab: stopped by Ctrl-C", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())

"""`python -m oscilab` is the command line."""

import sys

from oscilab.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

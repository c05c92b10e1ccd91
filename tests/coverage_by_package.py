"""Print the coverage of each package: `python tests/coverage_by_package.py coverage.json`.

Processes that tests start are not counted.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath

FOLDERS = {"sim", "experiments", "drivers", "firmware_bridge"}


def package_of(path: str) -> str:
    """Return the package of a file, such as `oscilab.wired` or `oscilab_sim`."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    parts = parts[1:] if parts[0] in FOLDERS else parts
    return ".".join(parts[:2]) if parts[0] == "oscilab" and len(parts) > 2 else parts[0]


def main(path: Path) -> None:
    covered: dict[str, int] = defaultdict(int)
    lines: dict[str, int] = defaultdict(int)
    for file, found in json.loads(path.read_text())["files"].items():
        for name in (package_of(file), "total"):
            covered[name] += found["summary"]["covered_lines"]
            lines[name] += found["summary"]["num_statements"]
    for name in sorted(lines, key=lambda each: (each == "total", each)):
        if lines[name]:
            print(f"{name:24} {lines[name]:6} lines {covered[name] / lines[name]:7.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Qt and pyqtgraph, imported once and set up alike for every panel.

pyqtgraph carries no types, so that it is `Any` here.
"""

from __future__ import annotations

import os
from typing import Any

# Another binding of Qt may be installed beside; two in one process do not work.
os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"

import pyqtgraph  # pyright: ignore[reportMissingTypeStubs]

pg: Any = pyqtgraph
pg.setConfigOptions(imageAxisOrder="row-major", antialias=False, useOpenGL=False)

"""The demo's picture in the site's style, from its curves: ``python docs/figures/demo.py multirrelu-demo-numpy.json``."""

import sys
from pathlib import Path

import style

from multirrelu.cli.demo import picture, result

style.use()
picture.draw([result.load(Path(sys.argv[1]))], Path(__file__).parents[1] / "images" / "demo.png")

"""``python -m multirrelu``: the commands are in `multirrelu.command`."""

from __future__ import annotations

import sys

from .command.line import main

if __name__ == "__main__":
    sys.exit(main())

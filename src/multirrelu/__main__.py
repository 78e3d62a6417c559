"""Run ``python -m multirrelu``; the commands are in `multirrelu.cli.command`."""

from __future__ import annotations

import sys

from .cli.command.line import main

if __name__ == "__main__":
    sys.exit(main())

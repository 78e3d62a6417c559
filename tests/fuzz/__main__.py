"""``python -m fuzz``: random cases on each library that is installed, a line each, and another for each failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fuzz.libraries import library, missing
from fuzz.run import run
from multirrelu_conformance.suites import NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say, and return 1 if any case failed."""
    parser = argparse.ArgumentParser(prog="nox -s fuzz --", description=__doc__)
    parser.add_argument("--library", action="append", metavar="NAMESPACE", help="one namespace, or more (default: all that are installed)")
    parser.add_argument("--cases", type=int, default=1000, help="on each library (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="the most that a library may take")
    parser.add_argument("--seed", type=int, default=0, help="of all cases (default: %(default)s)")
    parser.add_argument("--case", type=int, help="the number of the only case to run")
    given = parser.parse_args(arguments)
    numbers = range(given.cases) if given.case is None else range(given.case, given.case + 1)
    failed = False
    for namespace in given.library or NAMES:
        if reason := missing(namespace):
            print(f"{namespace:<18} left out: {reason}")
            failed |= bool(given.library)
            continue
        outcome = run(library(namespace), given.seed, numbers, given.seconds, tell=lambda line: print(line, flush=True))
        print(outcome, flush=True)
        failed |= bool(outcome.failures) or not outcome.cases
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

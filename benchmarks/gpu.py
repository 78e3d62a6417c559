"""Measure on a GPU, against a copy and the libraries' own functions: a file with the GPU's name.

Run ``python benchmarks/gpu.py`` with CuPy or PyTorch for CUDA, or both, installed. The file lists skipped cases with the reasons. Times
come from events on the device, or from the host for small calls.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import result

from multirrelu import answers
from multirrelu.cli.bench.workload import COPY
from multirrelu.scalars import of_error

LIBRARIES = ("cupy", "torch")
DTYPES = ("float32", "bfloat16", "float16", "float64")
SMALL = 1 << 12  # elements of a call that is timed on the host
CALLED = ": a small call on the host"
SIZES = (SMALL, *(1 << power for power in range(16, 31, 2)))
AIMS = {  # the speed that ours should reach, relative to another
    ("training", "float32", 1 << 28): {COPY: 0.9, "torch.nn.functional.rrelu": 1.4},
    ("training" + CALLED, "float32", SMALL): {"cupy.negative": 0.5},
}


def measured(library: Any, dtype: str, elements: int, rounds: int) -> Iterator[result.Row]:
    """Yield the rows of a size, with times of the host where it is small, else of the device."""
    # A hundred calls are few enough for the queue of the device.
    how, called = ({"calls": 100}, CALLED) if elements == SMALL else ({"uncounted": 3, "clock": library.CLOCK}, "")
    for case, size, work in library.cases(dtype, elements):
        yield result.row(case + called, work, dtype, size, rounds, AIMS.get((case + called, dtype, size), {}), **how)


def rows(there: dict[str, Any], skipped: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[result.Row]:
    """Yield all rows, and append to `skipped` where a library lacks the dtype or the memory."""
    for name, dtype, elements in itertools.product(there, options.dtype or DTYPES, options.elements or SIZES):
        about = {"library": name, "dtype": dtype, "elements": elements}
        for library in there.values():
            library.release()
        if not answers.has(there[name].xp, dtype):
            skipped.append({**about, "reason": "the library lacks the dtype"})
            continue
        try:
            for one in measured(there[name], dtype, elements, options.rounds):
                yield {"library": name, **one}
        except there[name].OUT_OF_MEMORY as error:
            skipped.append({**about, "reason": of_error(error)})


def main(arguments: list[str] | None = None) -> None:
    """Measure every library that finds a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them only")
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--elements", action="append", type=int, help=f"a power of two; {SMALL} measures the host's part of a call")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    names, skipped = options.library or LIBRARIES, []
    there = {name: module for name in names if find_spec(name) and (module := import_module(f"gpu_{name}")).gpu()}
    if not there:
        parser.error(f"no GPU is found by {' or '.join(names)}: nothing is measured, and nothing is written")
    gpu = next(iter(there.values())).gpu()
    about = result.machine(gpu=gpu, **{name: module.xp.__version__ for name, module in there.items()})
    place = f"gpu-{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}"
    result.record(place, about, rows(there, skipped, options), skipped=skipped)
    for one in skipped:
        print(f"skipped: {', '.join(map(str, one.values()))}")


if __name__ == "__main__":
    main()

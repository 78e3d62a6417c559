"""Measure on a GPU, against a copy and the libraries' own functions: a file with the GPU's name.

Run ``python benchmarks/gpu.py`` with CuPy or PyTorch for CUDA, or both, installed. The file lists skipped cases with the reasons. Times
come from events on the device, or from the host for small calls.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import result

from multirrelu import answers
from multirrelu.cli.bench.workload import COPY

LIBRARIES = ("cupy", "torch")
DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}
SMALL = 1 << 10  # elements of a call that is timed on the host
SIZES = (SMALL, *(1 << power for power in range(16, 31, 2)))
LAUNCH = "launch of a small call"
MOST = 14  # arrays of the measured size in memory at a time: a composition in float32 makes several for each bfloat16 array
AIMS = {  # the speed that ours should reach, relative to another
    ("training", "float32", 1 << 28): {COPY: 0.9, "torch.nn.functional.rrelu": 1.4},
    (LAUNCH, "float32", SMALL): {"ElementwiseKernel, a block an element": 0.5},
}


class Skipped(Exception):  # noqa: N818 - skipping is no error
    """The reason why something is not measured."""


def measurer(library: str) -> Any:
    """Return the module that measures a library, and has found a GPU."""
    if find_spec(library) is None:
        raise Skipped("it is not installed")
    module = import_module(f"gpu_{library}")
    if module.gpu() is None:
        raise Skipped("it finds no GPU")
    return module


def workloads(library: Any, dtype: str, elements: int) -> dict[str, result.Work]:
    """Return the functions of each case, where the library has the dtype and the free memory suffices."""
    if not answers.has(library.xp, dtype):
        raise Skipped(f"it has no {dtype} here")
    free, wanted = library.free(), MOST * elements * DTYPES[dtype]
    if free < wanted:
        raise Skipped(f"{free / 2**30:.1f} GiB of memory are free, of {wanted / 2**30:.1f} that may be needed")
    if elements == SMALL:
        return {LAUNCH: library.small(dtype, elements)}
    found: dict[str, result.Work] = library.workloads(dtype, elements)
    return found


def row(library: Any, case: str, dtype: str, elements: int, work: result.Work, rounds: int) -> result.Row:
    """Return the times of a case's functions: of the host for small calls, else of the device."""
    how = {"calls": 100} if case == LAUNCH else {"uncounted": 3, "clock": library.CLOCK}  # few enough for the queue of the device
    return result.row(case, work, dtype, elements, rounds, AIMS.get((case, dtype, elements), {}), **how)


def rows(there: dict[str, Any], skipped: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[result.Row]:
    """Yield all rows, and append to `skipped` where a library cannot be measured."""
    for library, dtype, elements in itertools.product(there, options.dtype or DTYPES, options.elements or SIZES):
        for module in there.values():
            module.release()
        try:
            for case, work in workloads(there[library], dtype, elements).items():
                yield {"library": library, **row(there[library], case, dtype, elements, work, options.rounds)}
        except Skipped as reason:
            skipped.append({"library": library, "dtype": dtype, "elements": elements, "reason": str(reason)})
    if "torch" in there and not options.no_blocks:
        for block in there["torch"].blocks():
            yield {"library": "torch", **row(there["torch"], *block, options.rounds)}


def main(arguments: list[str] | None = None) -> None:
    """Measure every library that finds a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them only")
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--elements", action="append", type=int, help=f"{SMALL} measures the host's part of a call")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--no-blocks", action="store_true", help="leave out the blocks that PyTorch compiles")
    options = parser.parse_args(arguments)
    there, skipped = {}, []
    for library in options.library or LIBRARIES:
        try:
            there[library] = measurer(library)
        except Skipped as reason:
            skipped.append({"library": library, "reason": str(reason)})
    if not there:
        reasons = ", ".join(f"{one['library']}: {one['reason']}" for one in skipped)
        parser.error(f"no library finds a GPU ({reasons}): nothing is measured, and nothing is written")
    name = next(iter(there.values())).gpu()
    versions = {library: str(sys.modules[library].__version__) for library in there}
    place = f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"
    result.record(place, result.machine(gpu=name, **versions), rows(there, skipped, options), skipped=skipped)
    for one in skipped:
        print(f"skipped: {', '.join(str(value) for key, value in one.items() if key != 'reason')}, because {one['reason']}")


if __name__ == "__main__":
    main()

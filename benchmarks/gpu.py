"""Measure on a GPU, against a copy and the libraries' own functions: a table, and JSON with the GPU's name under ``benchmarks/results``.

Run ``python benchmarks/gpu.py`` with CuPy or PyTorch for CUDA, or both, installed. Table and JSON list skipped cases with the reasons.
Times come from events on the device, or from the host for small calls. They are medians over rounds that call all functions in turn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_events import on_host
from gpu_workloads import COPY, DTYPES, LAUNCH, OURS, SMALL, Skipped, Work

import multirrelu

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("cupy", "torch")
SIZES = (SMALL, *(1 << power for power in range(16, 31, 2)))
MOVED = {"pullback": 1.5, "forward and backward": 2.5}  # bytes moved, relative to a copy: 3 arrays, or 2 + 3, against 2
AIMS = {  # the speed that ours should reach, relative to another
    ("training", "float32", 1 << 28): {COPY: 0.9, "torch.nn.functional.rrelu": 1.4},
    (LAUNCH, "float32", SMALL): {"ElementwiseKernel, a block an element": 0.5},
}


def measurer(library: str) -> Any:
    """Return the module that measures a library."""
    if find_spec(library) is None:
        raise Skipped("it is not installed")
    return import_module(f"gpu_{library}")


def row(library: Any, case: str, dtype: str, elements: int, work: Work, rounds: int) -> dict[str, Any]:
    """Return the times of a case's functions, and the speed of ours relative to the others (per byte moved for a copy)."""
    found = on_host(work, rounds) if case == LAUNCH else library.times(work, rounds)
    seconds = {name: statistics.median(times) for name, times in found.items()}
    ratios = {name: time / seconds[OURS] * (MOVED.get(case, 1) if name == COPY else 1) for name, time in seconds.items() if name != OURS}
    asked = {name: aim for name, aim in AIMS.get((case, dtype, elements), {}).items() if name in ratios}
    return {"case": case, "dtype": dtype, "elements": elements, "seconds": seconds, "ratios": ratios, "asked": asked}


def table(result: dict[str, Any]) -> str:
    """Return the result as a table of text."""
    lines = [f"{name}: {value}" for name, value in result["machine"].items()]
    for row in result["rows"]:
        lines.append(f"\n{row['library']}, {row['case']}, {row['dtype']}, {row['elements']:,} elements")
        for name, seconds in row["seconds"].items():
            ratio = f"ours is {row['ratios'][name]:7.2f} times as fast" if name in row["ratios"] else ""
            asked = f", at least {row['asked'][name]} asked" if name in row["asked"] else ""
            lines.append(f"  {name:52s} {1e6 * seconds:12.1f} us {row['elements'] / seconds / 1e9:8.1f} G elements/s  {ratio}{asked}")
    for row in result["skipped"]:
        what = ", ".join(str(value) for name, value in row.items() if name != "reason")
        lines.append(f"\nskipped: {what}, because {row['reason']}")
    return "\n".join(lines)


def found(libraries: Iterable[str]) -> tuple[dict[str, tuple[Any, str]], list[dict[str, Any]]]:
    """Return the module and the GPU of each library that finds one, and the reasons why the others are skipped."""
    there, skipped = {}, []
    for library in libraries:
        try:
            module = measurer(library)
            there[library] = module, module.gpu()
        except Skipped as reason:
            skipped.append({"library": library, "reason": str(reason)})
    return there, skipped


def main(arguments: list[str] | None = None) -> None:
    """Measure every library that finds a GPU, and save the result after each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them only")
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--elements", action="append", type=int, help=f"{SMALL} measures the host's part of a call")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--no-blocks", action="store_true", help="leave out the blocks that PyTorch compiles")
    options = parser.parse_args(arguments)
    there, skipped = found(options.library or LIBRARIES)
    if not there:
        reasons = ", ".join(f"{row['library']}: {row['reason']}" for row in skipped)
        parser.error(f"no library finds a GPU ({reasons}): nothing is measured, and nothing is written")
    name = next(iter(there.values()))[1]
    versions = {library: str(sys.modules[library].__version__) for library in there}
    result = {"machine": {"gpu": name, **versions, "multirrelu": multirrelu.__version__}, "rows": [], "skipped": skipped}
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"

    def keep(library: str, *case: Any) -> None:
        result["rows"].append({"library": library, **row(there[library][0], *case, options.rounds)})
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    for library, dtype, elements in itertools.product(there, options.dtype or DTYPES, options.elements or SIZES):
        for module, _ in there.values():
            module.release()
        try:
            for case, work in there[library][0].workloads(dtype, elements).items():
                keep(library, case, dtype, elements, work)
        except Skipped as reason:
            skipped.append({"library": library, "dtype": dtype, "elements": elements, "reason": str(reason)})
    if "torch" in there and not options.no_blocks:
        for block in there["torch"][0].blocks():
            keep("torch", *block)
    place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()

"""Measure on a GPU, beside a copy and the libraries' own: a table, and JSON under ``benchmarks/results`` with the GPU's name.

``python benchmarks/gpu.py`` with CuPy or PyTorch for CUDA installed, or both; what is skipped is in both, with the reason.
Times are those of events on the device, medians over rounds in which all are called in turn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_workloads import COPY, DTYPES, OURS, Skipped, Work, cupy_work, torch_work

import multirrelu

RESULTS = Path(__file__).parent / "results"
SIZES = tuple(1 << power for power in range(16, 31, 2))
MOVED = {"pullback": 1.5, "forward and backward": 2.5}  # times the bytes of a copy: 3 arrays, and 2 + 3, in place of 2
AIM = {("training", "float32", 1 << 28): 0.85}  # of a copy's speed


def cupy_times(work: Work, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each function, on CuPy's current stream."""
    import cupy

    return in_turn(work, rounds, cupy.cuda.Event, cupy.cuda.get_elapsed_time)


def torch_times(work: Work, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each function, on PyTorch's current stream."""
    import torch

    return in_turn(work, rounds, lambda: torch.cuda.Event(enable_timing=True), lambda start, end: start.elapsed_time(end))


def in_turn(work: Work, rounds: int, event: Callable[[], Any], between: Callable[[Any, Any], float]) -> dict[str, list[float]]:
    """Return the seconds of each function's calls, one of each a round, after three rounds that do not count."""
    marks: dict[str, list[tuple[Any, Any]]] = {name: [] for name in work}
    for _ in range(rounds + 3):
        for name, function in work.items():
            start, end = event(), event()
            start.record()
            function()
            end.record()
            marks[name].append((start, end))
    for _, end in (pairs[-1] for pairs in marks.values()):
        end.synchronize()
    return {name: [between(*pair) / 1e3 for pair in pairs[3:]] for name, pairs in marks.items()}


def cupy_release() -> None:
    """Give back the memory that CuPy keeps for arrays to come, which PyTorch would not find."""
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()


def torch_release() -> None:
    """Give back the memory that PyTorch keeps for tensors to come, which CuPy would not find."""
    import torch

    torch.cuda.empty_cache()


LIBRARIES = {"cupy": (cupy_work, cupy_times, cupy_release), "torch": (torch_work, torch_times, torch_release)}


def gpu(library: str) -> str:
    """Return the name of the GPU that a library finds."""
    if find_spec(library) is None:
        raise Skipped("it is not installed")
    if library == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
    else:
        import cupy

        if cupy.is_available():
            return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    raise Skipped("it finds no GPU")


def rows(library: str, dtype: str, elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return what each case takes, and how fast ours is beside the others: beside a copy by the bytes that it moves."""
    make, measure, _ = LIBRARIES[library]
    made = []
    for case, work in make(dtype, elements).items():
        seconds = {name: statistics.median(times) for name, times in measure(work, rounds).items()}
        ratios = {name: time / seconds[OURS] for name, time in seconds.items() if name != OURS}
        ratios[COPY] *= MOVED.get(case, 1)
        row = {"library": library, "case": case, "dtype": dtype, "elements": elements, "seconds": seconds, "ratios": ratios}
        made.append({**row, "asked": AIM.get((case, dtype, elements))})
    return made


def table(result: dict[str, Any]) -> str:
    """Return the result as text."""
    lines = [f"{name}: {value}" for name, value in result["machine"].items()]
    for row in result["rows"]:
        asked = f", at least {row['asked']} of the copy asked" if row["asked"] else ""
        lines.append(f"\n{row['library']}, {row['case']}, {row['dtype']}, {row['elements']:,} elements{asked}")
        for name, seconds in row["seconds"].items():
            ratio = f"ours is {row['ratios'][name]:7.2f} times as fast" if name in row["ratios"] else ""
            lines.append(f"  {name:52s} {1e6 * seconds:12.1f} us {row['elements'] / seconds / 1e9:8.1f} G elements/s  {ratio}")
    for row in result["skipped"]:
        what = ", ".join(str(value) for name, value in row.items() if name != "reason")
        lines.append(f"\nskipped: {what}, for {row['reason']}")
    return "\n".join(lines)


def found(libraries: Iterable[str]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the GPU of each library that finds one, and why the others are skipped."""
    there, skipped = {}, []
    for library in libraries:
        try:
            there[library] = gpu(library)
        except Skipped as reason:
            skipped.append({"library": library, "reason": str(reason)})
    return there, skipped


def main(arguments: list[str] | None = None) -> None:
    """Measure whatever finds a GPU, and keep what has been measured after each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them only")
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--elements", action="append", type=int)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    there, skipped = found(options.library or LIBRARIES)
    if not there:
        reasons = ", ".join(f"{row['library']}: {row['reason']}" for row in skipped)
        parser.error(f"no library finds a GPU ({reasons}): nothing is measured, and nothing is written")
    name = next(iter(there.values()))
    versions = {library: version(library) for library in there}
    result = {"machine": {"gpu": name, **versions, "multirrelu": multirrelu.__version__}, "rows": [], "skipped": skipped}
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    for library, dtype, elements in itertools.product(there, options.dtype or DTYPES, options.elements or SIZES):
        for _, _, release in map(LIBRARIES.__getitem__, there):
            release()
        try:
            result["rows"] += rows(library, dtype, elements, options.rounds)
        except Skipped as reason:
            skipped.append({"library": library, "dtype": dtype, "elements": elements, "reason": str(reason)})
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def version(library: str) -> str:
    """Return the version of a library that is there."""
    return str(sys.modules[library].__version__)


if __name__ == "__main__":
    main()

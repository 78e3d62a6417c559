"""Measure on a GPU, beside a copy and the libraries' own: a table, and JSON under ``benchmarks/results`` with the GPU's name.

``python benchmarks/gpu.py`` with CuPy or PyTorch for CUDA installed, or both. Times are those of events on the device, medians over
rounds in which all are called in turn.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import multirrelu
from multirrelu.stream import lattice

RESULTS = Path(__file__).parent / "results"
BOUNDS = (1 / 8, 1 / 3)
DTYPES = {"float32": 4, "bfloat16": 2, "float64": 8}
SIZES = tuple(1 << power for power in range(16, 31, 2))
COPY, OURS = "copy", "multirrelu"
MOST = 8  # arrays of the size measured that are there at one time
AIM = {("training", "float32", 1 << 28): 0.85}  # of a copy's speed
Work = dict[str, Callable[[], object]]

# What a kernel is that makes a Philox block for each element and uses a quarter of it.
AN_ELEMENT_A_BLOCK = """
unsigned c0 = i >> 2, c1 = i >> 34, c2 = 0, c3 = 0, k0 = key, k1 = key >> 32;
for (int round = 0; round < 10; ++round) {
    unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0; c1 = p1; c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1; c3 = p0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
}
unsigned word = (i & 3) < 2 ? ((i & 3) ? c1 : c0) : ((i & 3) == 2 ? c2 : c3);
y = x <= 0 ? x * (T)((low + (int)((unsigned long long)word * span >> 32)) * unit) : x;
"""


def cupy_work(dtype: str, elements: int) -> dict[str, Work]:
    """Return what CuPy's arrays are put through; nothing for a dtype that CuPy lacks, or where memory is too small."""
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()
    if not hasattr(cupy, dtype) or cupy.cuda.runtime.memGetInfo()[0] < MOST * elements * DTYPES[dtype]:
        return {}
    x = cupy.random.standard_normal(elements, dtype="float32").astype(dtype)
    y, g = cupy.empty_like(x), cupy.ones_like(x)
    points = lattice(*BOUNDS)
    naive = cupy.ElementwiseKernel("T x, uint64 key, int32 low, uint32 span, float64 unit", "T y", AN_ELEMENT_A_BLOCK, "an_element_a_block")
    _, pull = multirrelu.rrelu_vjp(x, *BOUNDS, training=True, rng=1, out=y)
    assert bool((naive(x, 1, *points) == y).all()), "the slopes of the kernel with a block an element are others"

    def composition() -> object:
        return cupy.where(x >= 0, x, x * cupy.random.uniform(*BOUNDS, x.shape, dtype="float32").astype(dtype))

    return {
        "training": {
            OURS: lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1, out=y),
            COPY: lambda: cupy.copyto(y, x),
            "multirrelu, a new array": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1),
            "ElementwiseKernel, a block an element": lambda: naive(x, 1, *points, y),
            "cupy.where(x >= 0, x, x * cupy.random.uniform(...))": composition,
        },
        "evaluation": {OURS: lambda: multirrelu.rrelu(x, *BOUNDS, out=y), COPY: lambda: cupy.copyto(y, x)},
        "pullback": {OURS: lambda: pull(g, out=g), COPY: lambda: cupy.copyto(g, x)},
    }


def torch_work(dtype: str, elements: int) -> dict[str, Work]:
    """Return what PyTorch's CUDA tensors are put through: Triton's kernel by itself, and by way of the public function."""
    import torch

    from multirrelu_backends._triton import scale

    torch.cuda.empty_cache()
    if torch.cuda.mem_get_info()[0] < MOST * elements * DTYPES[dtype]:
        return {}
    x = torch.randn(elements, device="cuda").to(getattr(torch, dtype))
    y, points = torch.empty_like(x), lattice(*BOUNDS)
    theirs = torch.nn.functional.rrelu
    return {
        "training": {
            OURS: lambda: scale(x, x, y, points, 1),
            COPY: lambda: y.copy_(x),
            "multirrelu.rrelu, a new tensor": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1),
            "torch.nn.functional.rrelu": lambda: theirs(x, *BOUNDS, training=True),
        },
        "evaluation": {
            OURS: lambda: scale(x, x, y, 0.5 * sum(BOUNDS)),
            COPY: lambda: y.copy_(x),
            "torch.nn.functional.rrelu": lambda: theirs(x, *BOUNDS),
        },
    }


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


LIBRARIES = {"cupy": (cupy_work, cupy_times), "torch": (torch_work, torch_times)}


def gpu(library: str) -> str:
    """Return the name of the GPU that a library finds, or an empty text."""
    if find_spec(library) is None:
        return ""
    if library == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode() if cupy.is_available() else ""


def rows(library: str, dtype: str, elements: int, rounds: int) -> list[dict[str, Any]]:
    """Return what each case takes, and how fast ours is beside the others: for a pullback, which reads one array more, by bytes."""
    make, measure = LIBRARIES[library]
    made = []
    for case, work in make(dtype, elements).items():
        seconds = {name: statistics.median(times) for name, times in measure(work, rounds).items()}
        ratios = {name: time / seconds[OURS] for name, time in seconds.items() if name != OURS}
        if case == "pullback":
            ratios[COPY] *= 1.5
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
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure whatever finds a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="one of them only")
    parser.add_argument("--dtype", action="append", choices=DTYPES)
    parser.add_argument("--elements", action="append", type=int)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)
    there = {library: name for library in options.library or LIBRARIES if (name := gpu(library))}
    if not there:
        parser.error("neither CuPy nor PyTorch finds a GPU: nothing is measured, and nothing is written")
    everything = [(library, dtype, size) for library in there for dtype in options.dtype or DTYPES for size in options.elements or SIZES]
    done = [row for library, dtype, size in everything for row in rows(library, dtype, size, options.rounds)]
    (name,) = set(there.values())
    versions = {library: __import__(library).__version__ for library in there}
    result = {"machine": {"gpu": name, **versions, "multirrelu": multirrelu.__version__}, "rows": done}
    print(table(result))
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

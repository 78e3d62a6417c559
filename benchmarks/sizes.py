"""Measure times by size, from one element to 2**26: ours against each library's alternative, forward and both passes."""

from __future__ import annotations

from collections.abc import Iterator

import result

from multirrelu.cli.bench import libraries
from multirrelu.cli.bench.timing import in_turn
from multirrelu.cli.bench.workload import OURS, Workload

LIBRARIES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
CASES = {"training": "forward", "both passes": "both passes"}
SECONDS = 0.002  # of a turn, for which small calls are repeated
CLOSE = range(11, 16)  # powers of two near the sizes from which ours is faster


def rows(elements: int, rounds: int) -> Iterator[result.Row]:
    """Yield a row for each library, for each power of four (of two, where it is close) up to a number of elements, and for each case."""
    powers = sorted({*range(0, elements.bit_length(), 2), *(power for power in CLOSE if power < elements.bit_length())})
    for library, name in LIBRARIES.items():
        for size in (1 << power for power in powers):
            for one in libraries.load(library).workloads("float32", size):
                if one.work in CASES and one.device.startswith("CPU"):
                    yield {"library": name, **row(one, size, rounds)}


def row(one: Workload, elements: int, rounds: int) -> result.Row:
    """Return the time of a call of ours and of the peer, and how many times as fast ours is."""
    work = {name: one.calls[name] for name in (OURS, one.peer)}
    once = sum(took for (took,) in in_turn(work, 1).values())
    made = result.row(CASES[one.work], work, "float32", elements, rounds, {}, calls=max(1, int(SECONDS / once)))
    return {**made, "ratio": made["ratios"][one.peer]}


if __name__ == "__main__":
    result.main("sizes", 1 << 26, rows, packages=("numpy", "numba", "torch", "jax"), threads=result.threads())

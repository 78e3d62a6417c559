"""Measure Dask's backend on one and two worker processes, in memory and out of it: a table, kept as JSON under ``benchmarks/results``."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import report
import zarr
from distributed import Client, LocalCluster, wait

import multirrelu
from multirrelu_backends.threads import num_threads

CHUNK = 1 << 22  # elements: 16 MiB of float32
LIMIT = 400_000_000  # bytes of memory a worker, for what is larger than memory
ONE, THREADS = "one worker", "Dask's threads, in one process"
CALL, SERIAL = "one call of NumPy, all threads", "one call of NumPy, one thread"
PACKAGES = ("dask", "distributed", "zarr", "numpy", "numba")


def train(x: Any) -> Any:
    """Training, by one key."""
    return multirrelu.rrelu(x, training=True, rng=1)


@contextmanager
def workers(number: int, processes: bool = True, memory: int | None = None) -> Iterator[Client]:
    """Start processes of one thread each."""
    options = {"processes": processes, "memory_limit": memory or "auto", "dashboard_address": ":0"}
    with LocalCluster(n_workers=number, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
        yield client


def source(elements: int, chunk: int) -> da.Array:
    """Return an array of -1, made chunk by chunk where it is needed."""
    return da.ones(elements, chunks=min(chunk, elements), dtype="float32") - np.float32(2)


def on(client: Client, x: da.Array) -> Callable[[], object]:
    """Return a call that computes on a cluster, in whose memory the input lies already."""
    there = client.persist(x)
    wait(there)
    return lambda: wait(client.persist(train(there)))


def serial(x: np.ndarray) -> np.ndarray:
    """Call NumPy's backend in one thread."""
    with num_threads(1):
        return train(x)


def scaling(elements: int, rounds: int, processes: bool) -> list[dict[str, Any]]:
    """Return the rows of the same array on one worker and on two, and of twice the array on two."""
    x, twice = source(elements, CHUNK), source(2 * elements, CHUNK)
    whole = -np.ones(elements, dtype=np.float32)
    here = da.from_array(whole, chunks=x.chunks, name=False).persist(scheduler="threads")
    with workers(1, processes) as one, workers(2, processes) as two:
        strong = {report.OURS: on(two, x), ONE: on(one, x), THREADS: lambda: train(here).persist(scheduler="threads")}
        strong |= {CALL: lambda: train(whole), SERIAL: lambda: serial(whole)}
        weak = {report.OURS: on(two, twice), f"{ONE}, half of the elements": strong[ONE]}
        return [
            report.row("two workers, the same array", strong, "float32", elements, rounds, {}),
            report.row("two workers, twice the array", weak, "float32", 2 * elements, rounds, {}),
        ]


def on_disk(x: da.Array, path: str) -> zarr.Array:
    """Return an array on disk, of the shape and the chunks of one of Dask."""
    return zarr.create_array(path, shape=x.shape, chunks=x.chunksize, dtype=x.dtype, compressors=None)


def out_of_core(elements: int, rounds: int, processes: bool) -> dict[str, Any]:
    """Return the row of an array that no worker can hold, written to disk."""
    x = source(elements, CHUNK // 4)
    whole = -np.ones(elements, dtype=np.float32)
    with tempfile.TemporaryDirectory() as place, workers(2, processes, LIMIT):
        ours, theirs = (on_disk(x, f"{place}/{name}.zarr") for name in ("ours", "theirs"))

        def call() -> None:
            theirs[:] = train(whole)

        work = {report.OURS: lambda: train(x).store(ours, lock=False), "one call of NumPy in memory, and one write": call}
        return report.row("two workers, to Zarr on disk", work, "float32", elements, rounds, {})


def memory(elements: int = 6 << 26, processes: bool = True) -> report.Figures:
    """Return what memory it takes to write such an array."""
    x = source(elements, CHUNK // 4)
    with tempfile.TemporaryDirectory() as place, workers(2, processes, LIMIT) as client:
        train(x).store(on_disk(x, f"{place}/y.zarr"), lock=False)
        most = max(client.run(peak).values())
    return {
        "out of core: the array (MB)": (4 * elements / 1e6, None),
        "out of core: the limit of both workers together (MB)": (2 * LIMIT / 1e6, None),
        "out of core: most memory of a worker (MB)": (most / 1e6, LIMIT / 1e6),
    }


def peak() -> int:
    """Return the most bytes that this process has had in memory."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def graph(chunks: int = 10_000) -> report.Figures:
    """Return what a graph costs."""
    x = da.zeros((chunks, 1000), chunks=(1, 1000), dtype="float32")
    train(x)  # the first one imports
    start = time.perf_counter()
    y = train(x)
    made = time.perf_counter() - start
    layer = y.dask.layers[y.name]
    compact = len(pickle.dumps(layer))
    tasks = list(layer.values())
    return {
        "tasks a chunk": (len(tasks) / chunks, 1),
        f"bytes a chunk of the graph that the client sends, of {chunks:,} chunks": (compact / chunks, 10),
        "bytes of a task that a worker is sent": (max(len(pickle.dumps(task)) for task in tasks), 500),
        f"make the graph of {chunks:,} chunks (ms)": (1e3 * made, None),
    }


def overhead(chunks: int = 2_000, processes: bool = True) -> report.Figures:
    """Return the time that a task takes where its chunk is next to nothing, which is the scheduler's own."""
    x = source(8 * chunks, 8)
    with workers(2, processes) as client:
        run = on(client, x)
        run()
        start = time.perf_counter()
        run()
        return {"the scheduler's time a task (ms)": (1e3 * (time.perf_counter() - start) / chunks, None)}


def rows(elements: int, rounds: int, processes: bool = True) -> list[dict[str, Any]]:
    """Return every row, the last of a larger array."""
    return [*scaling(elements, rounds, processes), out_of_core(6 * elements, max(1, rounds // 3), processes)]


def figures() -> report.Figures:
    """Return single figures, and what is asked of each at most."""
    return {**graph(), **overhead(), **memory()}


if __name__ == "__main__":
    report.main(__doc__, "dask", 1 << 26, rows, figures, report.machine(*PACKAGES))

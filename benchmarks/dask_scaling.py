"""Measure Dask's backend on one and two worker processes, in memory and out of core."""

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
import result
import zarr
from distributed import Client, LocalCluster, wait

import multirrelu
from multirrelu.cli.bench.workload import OURS
from multirrelu_backends.threads import num_threads

CHUNK = 1 << 22  # elements, 16 MiB of float32
LIMIT = 400_000_000  # bytes of memory for each worker in the out-of-core case
ONE, THREADS = "one worker", "Dask's threads, in one process"
CALL, SERIAL = "one call of NumPy, all threads", "one call of NumPy, one thread"
PACKAGES = ("dask", "distributed", "zarr", "numpy", "numba")


def train(x: Any) -> Any:
    """Apply `multirrelu.rrelu` in training, with one key."""
    return multirrelu.rrelu(x, training=True, rng=1)


@contextmanager
def workers(number: int, processes: bool = True, memory: int | None = None) -> Iterator[Client]:
    """Start worker processes with one thread each; workers in this process have no limit, which all of its memory would exceed."""
    options = {"processes": processes, "memory_limit": (memory or "auto") if processes else 0, "dashboard_address": ":0"}
    with LocalCluster(n_workers=number, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
        yield client


def source(elements: int, chunk: int) -> da.Array:
    """Return an array of -1, whose chunks are made when they are needed."""
    return da.ones(elements, chunks=min(chunk, elements), dtype="float32") - np.float32(2)


def on(client: Client, x: da.Array) -> Callable[[], object]:
    """Return a call that computes on a cluster, with the input already in the cluster's memory."""
    there = client.persist(x)
    wait(there)
    return lambda: wait(client.persist(train(there)))


def serial(x: np.ndarray) -> np.ndarray:
    """Call NumPy's backend in one thread."""
    with num_threads(1):
        return train(x)


def scaling(elements: int, rounds: int, processes: bool) -> Iterator[result.Row]:
    """Yield the rows of one array on one worker and on two, and of an array of twice the size on two."""
    x, twice = source(elements, CHUNK), source(2 * elements, CHUNK)
    whole = -np.ones(elements, dtype=np.float32)
    here = da.from_array(whole, chunks=x.chunks, name=False).persist(scheduler="threads")
    with workers(1, processes) as one, workers(2, processes) as two:
        strong = {OURS: on(two, x), ONE: on(one, x), THREADS: lambda: train(here).persist(scheduler="threads")}
        strong |= {CALL: lambda: train(whole), SERIAL: lambda: serial(whole)}
        weak = {OURS: on(two, twice), f"{ONE}, half of the elements": strong[ONE]}
        yield result.row("two workers, the same array", strong, "float32", elements, rounds, {})
        yield result.row("two workers, twice the array", weak, "float32", 2 * elements, rounds, {})


def on_disk(x: da.Array, path: str) -> zarr.Array:
    """Return an array on disk with the shape and the chunks of a Dask array."""
    return zarr.create_array(path, shape=x.shape, chunks=x.chunksize, dtype=x.dtype, compressors=None)


def out_of_core(elements: int, rounds: int, processes: bool) -> result.Row:
    """Return the row of an array that is written to disk and exceeds the memory of a worker."""
    x = source(elements, CHUNK // 4)
    whole = -np.ones(elements, dtype=np.float32)
    with tempfile.TemporaryDirectory() as place, workers(2, processes, LIMIT):
        ours, theirs = (on_disk(x, f"{place}/{name}.zarr") for name in ("ours", "theirs"))

        def call() -> None:
            theirs[:] = train(whole)

        work = {OURS: lambda: train(x).store(ours, lock=False), "one call of NumPy in memory, and one write": call}
        return result.row("two workers, to Zarr on disk", work, "float32", elements, rounds, {})


def memory(elements: int = 6 << 26, processes: bool = True) -> result.Figures:
    """Return the memory that workers need to write such an array."""
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
    """Return the peak memory of this process in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def graph(chunks: int = 10_000) -> result.Figures:
    """Return the cost of a graph: tasks, bytes and time."""
    x = da.zeros((chunks, 1000), chunks=(1, 1000), dtype="float32")
    train(x)  # the first call imports
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


def overhead(chunks: int = 2_000, processes: bool = True) -> result.Figures:
    """Return the scheduler's time for a task, measured with tiny chunks."""
    x = source(8 * chunks, 8)
    with workers(2, processes) as client:
        run = on(client, x)
        run()
        start = time.perf_counter()
        run()
        return {"the scheduler's time a task (ms)": (1e3 * (time.perf_counter() - start) / chunks, None)}


def rows(elements: int, rounds: int, processes: bool = True) -> Iterator[result.Row]:
    """Yield all rows; the last is of a larger array."""
    yield from scaling(elements, rounds, processes)
    yield out_of_core(6 * elements, max(1, rounds // 3), processes)


def figures() -> result.Figures:
    """Return single figures with their upper limits."""
    return {**graph(), **overhead(), **memory()}


if __name__ == "__main__":
    result.main("dask", 1 << 26, rows, figures, PACKAGES)

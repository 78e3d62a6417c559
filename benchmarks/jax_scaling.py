"""Measure how JAX's backend scales from one process to two, each on its own core.

An array is sharded over the processes of `jax.distributed`. Strong scaling divides one array between two processes; weak scaling gives
each process as many elements as one process had. A copy of the array shows the limit of the memory, which both processes share.
"""

from __future__ import annotations

import os
import socket
import statistics
from multiprocessing import get_context

import jax
import numpy as np
import result
from jax.experimental import multihost_utils

from multirrelu.cli.bench.libraries.jax import both, compiled, ours
from multirrelu.cli.bench.timing import in_turn
from multirrelu.cli.bench.workload import COPY

PROGRAMS = {"training": ours, "both passes": lambda x, key: both(ours)(x, key, x), COPY: lambda x, key: x + 0}


def seconds(processes: int, elements: int, rounds: int) -> dict[str, float]:
    """Return the time of each program on an array over the given number of processes: the median of the slower process's rounds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    work = [(processes, number, address, elements, rounds) for number in range(processes)]
    with get_context("spawn").Pool(processes) as pool:
        everyone = pool.starmap(measured, work, chunksize=1)
        pool.close()  # leaving the block only sends SIGTERM, which `jax.distributed` catches, so that a process might never end
        pool.join()
    return {name: statistics.median(map(max, zip(*(times[name] for times in everyone), strict=True))) for name in PROGRAMS}


def measured(processes: int, number: int, address: str, elements: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each program's rounds in one process."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[number]})
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, processes, number, coordinator_bind_address=address, cluster_detection_method="deactivate")
    sharding = jax.NamedSharding(jax.make_mesh((processes,), ("i",)), jax.P("i"))
    mine = np.random.default_rng(number).standard_normal(elements // processes, dtype=np.float32)
    x, key = jax.make_array_from_process_local_data(sharding, mine), jax.random.key(2)
    calls = {name: compiled(program, x, key) for name, program in PROGRAMS.items()}
    multihost_utils.sync_global_devices("ready")  # so that both processes work at the same time
    times = in_turn(calls, rounds)
    jax.distributed.shutdown()
    return times


def rows(elements: int, rounds: int) -> list[result.Row]:
    """Return the times of each program, and how many times as fast two processes are, which is at most 2."""
    one, half, two = seconds(1, elements, rounds), seconds(1, elements // 2, rounds), seconds(2, elements, rounds)
    made = []
    for name in PROGRAMS:
        peers = {"one process": one[name], "one process, half of the elements twice": 2 * half[name]}  # strong and weak scaling
        times, ratios = {"two processes": two[name], **peers}, {peer: time / two[name] for peer, time in peers.items()}
        made.append({"case": name, "dtype": "float32", "elements": elements, "seconds": times, "ratios": ratios, "asked": {}})
    return made


if __name__ == "__main__":
    result.main("jax-scaling", 1 << 24, rows, packages=("jax", "jaxlib"))

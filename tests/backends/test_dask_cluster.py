"""A cluster of two processes: the bits of one process, though a worker dies, and arrays that no worker could hold."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from multirrelu import Slopes, rrelu, rrelu_vjp, scale

np = pytest.importorskip("numpy")
dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

from cases import assert_same_bits  # noqa: E402

KEY = 0x123456789ABCDEF0
LIMIT = 600_000_000  # a worker has half of it when it has imported everything, under coverage
train = partial(rrelu, training=True, rng=KEY)


@pytest.fixture(scope="module")
def cluster():
    # Without stealing, so that where a task runs depends on where its inputs are alone.
    with (
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=LIMIT, dashboard_address=":0") as cluster,
    ):
        yield cluster
        nannies = list(cluster.workers.values())
    assert not any(nanny.is_alive() for nanny in nannies)


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


def numbers(shape=(60, 70), seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def test_both_passes(client):
    h, g = numbers(), numbers(seed=1)
    x, cotangent = (da.from_array(array, chunks=(9, 35)) for array in (h, g))
    y, pullback = rrelu_vjp(x, training=True, rng=KEY)
    results = client.gather(client.compute([y, pullback(cotangent), y.rechunk((60, 11))]))
    expected, back = rrelu_vjp(h, training=True, rng=KEY)
    for result, whole in zip(results, (expected, back(g), expected), strict=True):
        assert_same_bits(result, whole, "on the cluster")


def received(dask_worker):
    """Return how many chunks a worker has had from others."""
    return len(dask_worker.transfer_incoming_log)


def test_no_chunk_is_sent(client):
    x = da.from_array(numbers(), chunks=(9, 35)).persist()
    distributed.wait(x)
    assert all(client.has_what().values()), "each worker has some"
    before = client.run(received)
    distributed.wait(train(x).persist())
    assert client.run(received) == before
    distributed.wait((x + x[::-1]).persist())
    assert client.run(received) != before, "what others send is counted"


def test_names_and_progress(client, cluster, capsys):
    y = train(da.from_array(numbers(), chunks=(9, 35))).persist()
    distributed.progress(y, notebook=False)
    distributed.wait(y)
    assert "100% Completed" in capsys.readouterr().out
    assert "rrelu" in cluster.scheduler.task_prefixes
    assert cluster.scheduler.task_groups[y.name].prefix.name == "rrelu"


def die_once(block, witness):
    """End the worker's process the first time that it comes here, as if the system had."""
    if not witness.exists():
        witness.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def test_a_worker_that_is_killed(client, tmp_path):
    """What it had done is done again, under the key that was drawn when the graph was made."""
    x = da.from_array(numbers(), chunks=(9, 35))
    y = rrelu(x, training=True)
    expected = y.compute(scheduler="sync")
    before = client.scheduler_info()["workers"].keys()
    done = y.persist()
    distributed.wait(done)
    killed = da.concatenate([done[:30], done[30:].map_blocks(die_once, tmp_path / "witness", meta=done._meta)])
    assert_same_bits(killed.compute(), expected, "after a death")
    assert (tmp_path / "witness").exists()
    client.wait_for_workers(2)
    deadline = time.monotonic() + 20
    while client.scheduler_info()["workers"].keys() == before:
        assert time.monotonic() < deadline, "no worker died"


def peak():
    """Return the most bytes that this process has had in memory."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from Linux's /proc")
def test_out_of_core(client, cluster, tmp_path):
    """From nothing to disk, more than the two workers may hold together."""
    zarr = pytest.importorskip("zarr")
    size, chunk = 330 * 2**20, 2**20
    x = da.ones(size, chunks=chunk, dtype="float32") - 2
    assert x.nbytes > 2 * LIMIT
    stored = zarr.create_array(tmp_path / "y.zarr", shape=x.shape, chunks=(chunk,), dtype=x.dtype, compressors=None)
    written = client.compute(train(x).store(stored, lock=False, compute=False))
    written.result(timeout=300)  # a worker that is full would wait for ever
    assert max(client.run(peak).values()) < 0.9 * LIMIT
    block = -np.ones(chunk, np.float32)
    for start in range(0, size, chunk):
        expected = scale(block, block, Slopes(1 / 8, 1 / 3, KEY, offset=start))
        assert_same_bits(stored[start : start + chunk], expected, start)

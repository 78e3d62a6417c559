"""PyTorch on a GPU: the suite; and Triton's kernels under streams and graphs, with a host that never waits, and beside CuPy."""

from __future__ import annotations

import pytest

import gpus

if gpus.torch():
    pytest.skip(gpus.torch(), allow_module_level=True)

import numpy as np
import torch

import multirrelu
from multirrelu import Slopes, stream
from multirrelu.agnostic import scale as reference
from multirrelu.bounds import lattice
from multirrelu_backends._triton import enqueue

suite = pytest.importorskip("multirrelu_conformance", reason="SciPy is not installed")

BOUNDS = (1 / 8, 1 / 3)
POINTS = lattice(*BOUNDS)
HOST = np.random.default_rng(1).standard_normal(1 << 20).astype(np.float32)


def assert_same(got, want):
    assert np.array_equal(got.cpu().numpy().view(np.uint32), want.view(np.uint32))


def test_the_current_stream_is_the_one():
    side = torch.cuda.Stream()
    x = torch.from_numpy(HOST).cuda()
    torch.cuda.synchronize()
    with torch.cuda.stream(side):
        for _ in range(200):
            x = x + 1
        x = x - 200
        out = torch.empty_like(x)
        enqueue(x, x, out, POINTS, 5)
    side.synchronize()
    host = HOST.copy()
    for _ in range(200):
        host = host + np.float32(1)
    host = host - np.float32(200)
    assert_same(out, reference(host, host, Slopes(*BOUNDS, 5)))


def test_a_captured_graph_reads_the_key_anew_and_the_host_never_waits():
    x, key = torch.from_numpy(HOST).cuda(), torch.ones((), dtype=torch.int64, device="cuda")
    out = torch.empty_like(x)
    enqueue(x, x, out, POINTS, key)  # kernels are compiled before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        enqueue(x, x, out, POINTS, key)
    for number in (1, 2, 2**64 - 1):
        key.fill_(stream.signed(number))
        graph.replay()
        assert_same(out, reference(HOST, HOST, Slopes(*BOUNDS, number)))
    torch.cuda.set_sync_debug_mode("error")
    try:
        enqueue(x, x, out, POINTS, key)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_more_elements_than_32_bits_count():
    size = 2**32 + 1027
    if torch.cuda.mem_get_info()[0] < 3 * size * 2:
        pytest.skip("the device has too little memory for two tensors of 2**32 elements")
    x = torch.full((size,), -1, dtype=torch.float16, device="cuda")
    out = torch.empty_like(x)
    for steps in ((1,), (3,)):
        enqueue(x, x, out, POINTS, 3, strides=steps)
        for start in (0, 2**31 - 500, 2**32 - 500, size - 1000):
            part = np.full(1000, -1, dtype=np.float16)
            want = reference(part, part, Slopes(*BOUNDS, 3, start * steps[0], steps))
            assert np.array_equal(out[start : start + 1000].cpu().numpy(), want), start


@pytest.mark.skipif(gpus.cupy() != "", reason=gpus.cupy())
def test_the_same_memory_gives_the_same_slopes_in_both_libraries():
    import cupy

    x = cupy.asarray(HOST)
    tensor = torch.from_dlpack(x)
    ours, theirs = multirrelu.rrelu(x, training=True, rng=42), multirrelu.rrelu(tensor, training=True, rng=42)
    assert torch.equal(torch.from_dlpack(ours), theirs)
    assert np.array_equal(ours.get(), multirrelu.rrelu(HOST, training=True, rng=42))
    multirrelu.rrelu(tensor, training=True, rng=42, inplace=True)  # writes to CuPy's array
    assert cupy.array_equal(x, ours)


class TestTorchCuda(suite.suite_for("torch")):
    device = "cuda"

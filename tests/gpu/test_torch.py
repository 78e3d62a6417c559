"""PyTorch on a GPU: the suite; streams, graphs, keys and tensors of other devices, a host that never waits, and CuPy's arrays."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

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
from multirrelu.layers.torch import RReLU
from multirrelu_backends._triton import enqueue
from multirrelu_backends.torch.devices import describe

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


def test_the_report_says_that_the_kernel_runs():
    assert "; a fused kernel by Triton on cuda:0" in describe()


@pytest.mark.parametrize("call", ["the kernel", "scale"])
def test_a_captured_graph_reads_the_key_anew_and_the_host_never_waits(call):
    x, key = torch.from_numpy(HOST).cuda(), torch.ones((), dtype=torch.int64, device="cuda")
    out = torch.empty_like(x)

    def run():
        if call == "scale":
            multirrelu.scale(x, x, Slopes(*BOUNDS, key), out=out)
        else:
            enqueue(x, x, out, POINTS, key)

    run()  # kernels are compiled before the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    for number in (1, 2, 2**64 - 1):
        key.fill_(stream.signed(number))
        graph.replay()
        assert_same(out, reference(HOST, HOST, Slopes(*BOUNDS, number)))
    with waiting_is_an_error():
        run()


def test_a_captured_graph_draws_a_new_key_at_each_replay():
    x = -torch.ones(1 << 12, device="cuda")
    out = multirrelu.rrelu(x, training=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        multirrelu.rrelu(x, training=True, out=out)
    replays = []
    for _ in range(2):
        graph.replay()
        replays.append(out.neg())
    assert not torch.equal(*replays)
    assert all(BOUNDS[0] <= slopes.min() and slopes.max() <= BOUNDS[1] for slopes in replays)


@contextmanager
def waiting_is_an_error():
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("rng", ["a generator", None, 7])
def test_the_host_waits_in_neither_pass(rng):
    x = torch.from_numpy(HOST).cuda().requires_grad_()
    g = torch.ones_like(x)
    for context in (nullcontext, waiting_is_an_error):  # what a first call compiles is there afterwards
        generator = torch.Generator("cuda").manual_seed(1) if rng == "a generator" else rng
        with context():
            y = multirrelu.rrelu(x, training=True, rng=generator)
            torch.autograd.grad(y, x, g)
            multirrelu.rrelu(y.detach(), inplace=True)


def second():
    if torch.cuda.device_count() < 2:
        pytest.skip("there is one device")
    return "cuda:1"


@pytest.mark.parametrize("home", ["cpu", "another device"])
def test_a_key_of_another_device(home):
    x, key = torch.from_numpy(HOST).cuda(), torch.tensor(-5, device="cpu" if home == "cpu" else second())
    assert_same(multirrelu.scale(x, x, Slopes(*BOUNDS, key)), reference(HOST, HOST, Slopes(*BOUNDS, 2**64 - 5)))


def test_a_tensor_of_another_device_is_served_there():
    x = torch.from_numpy(HOST).to(second())
    y = multirrelu.scale(x, x, Slopes(*BOUNDS, torch.tensor(9, device=x.device)))
    assert (y.device, torch.cuda.current_device()) == (x.device, 0)
    assert_same(y, reference(HOST, HOST, Slopes(*BOUNDS, 9)))


def test_a_generator_of_the_cpu_gives_one_key_to_both_devices():
    rngs = [torch.Generator().manual_seed(3) for _ in range(2)]
    x = torch.from_numpy(HOST)
    on_cpu, on_gpu = (multirrelu.rrelu(y, training=True, rng=rng) for y, rng in zip((x, x.cuda()), rngs, strict=True))
    assert_same(on_gpu, on_cpu.numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_a_layer_has_the_same_bits_on_the_cpu_and_on_the_gpu_eager_and_compiled(dtype):
    layer, x = RReLU(*BOUNDS, rng=5), torch.from_numpy(HOST).to(dtype)
    want, *found = (results(call, x.to(home)) for call, home in ((layer, "cpu"), (layer, "cuda"), (torch.compile(layer), "cuda")))
    for y, gradient in found:
        assert torch.equal(y, want[0])
        assert torch.equal(gradient, want[1])


def results(call, x):
    """Return the result and the gradient of a call, on the CPU."""
    leaf = x.detach().requires_grad_()
    y = call(leaf)
    (gradient,) = torch.autograd.grad(y, leaf, torch.full_like(y, -1.5))
    return y.detach().cpu(), gradient.cpu()


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

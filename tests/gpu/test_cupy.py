"""CuPy on a GPU: streams, graphs, devices, arrays past 32 bits, and a host that never waits."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

import gpus

if gpus.cupy():
    pytest.skip(gpus.cupy(), allow_module_level=True)

import cupy
import numpy as np

import multirrelu
from multirrelu import Slopes
from multirrelu.agnostic import scale as reference
from multirrelu_backends.cupy import describe

BOUNDS = (1 / 8, 1 / 3)
HOST = np.random.default_rng(1).standard_normal(1 << 20).astype(np.float32)


def assert_same(got, want):
    assert np.array_equal(got.get().view(np.uint32), want.view(np.uint32))


def test_the_report_says_that_the_kernel_runs():
    assert describe().startswith("a fused kernel, by NVRTC ")


@contextmanager
def held_back():
    """A stream whose work begins when the test lets it; the list says, in the end, whether that was in time."""
    stream, release, in_time = cupy.cuda.Stream(non_blocking=True), threading.Event(), []
    try:
        yield stream, lambda: stream.launch_host_func(lambda _: in_time.append(release.wait(60)), None), in_time
    finally:
        release.set()
        stream.synchronize()
    assert in_time == [True], "the host has waited for the device"


def test_the_current_stream_is_the_one():
    """A kernel on another stream would read x before it is there."""
    filled, x, y = cupy.asarray(HOST), cupy.ones(HOST.shape, "f4"), cupy.zeros(HOST.shape, "f4")
    multirrelu.rrelu(x, training=True, rng=5, out=y)
    cupy.cuda.Device().synchronize()
    with held_back() as (stream, hold, _), stream:
        hold()
        cupy.copyto(x, filled)
        multirrelu.rrelu(x, training=True, rng=5, out=y)
    assert_same(y, reference(HOST, HOST, Slopes(*BOUNDS, 5)))


def test_the_host_never_waits():
    x = cupy.asarray(HOST)
    y, g = cupy.empty_like(x), cupy.empty_like(x)
    rngs = (cupy.random.default_rng(1), cupy.random.RandomState(1), None, 7)

    def everything():
        for rng in rngs:
            _, pullback = multirrelu.rrelu_vjp(x, training=True, rng=rng, out=y)
            pullback(y, out=g)
            multirrelu.rrelu(g, inplace=True)

    cupy.cuda.Device().synchronize()
    with held_back() as (stream, hold, in_time), stream:
        everything()  # what a first call compiles and allocates is there afterwards
        stream.synchronize()
        hold()
        everything()
        assert in_time == []


def test_a_captured_graph_reads_the_key_anew():
    # Keys come from outside: cuRAND refuses to draw while a stream is captured.
    x, key, out = cupy.asarray(HOST), cupy.asarray(np.uint64(1)), cupy.empty(HOST.shape, dtype=np.float32)
    multirrelu.scale(x, x, Slopes(*BOUNDS, key), out=out)  # kernels are loaded before the capture
    cupy.cuda.Device().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        multirrelu.scale(x, x, Slopes(*BOUNDS, key), out=out)
        graph = stream.end_capture()
        for number in (1, 2, 2**64 - 1):
            key.fill(np.uint64(number))
            graph.launch(stream)
            stream.synchronize()
            assert_same(out, reference(HOST, HOST, Slopes(*BOUNDS, number)))


@pytest.fixture
def other():
    """A device that is not the current one."""
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one device")
    return cupy.cuda.Device(1)


def test_an_array_of_another_device_is_served_there(other):
    with other:
        x, key = cupy.asarray(HOST), cupy.asarray(np.uint64(9))
        other.synchronize()
    y = multirrelu.scale(x, x, Slopes(*BOUNDS, key))
    assert (y.device.id, cupy.cuda.Device().id) == (1, 0)
    assert_same(y, reference(HOST, HOST, Slopes(*BOUNDS, 9)))


def test_a_key_of_another_device_is_copied_once_it_is_written_and_before_it_is_written_again(other):
    with other:
        x, out, theirs = cupy.asarray(HOST), cupy.empty(HOST.shape, "f4"), cupy.cuda.Stream(non_blocking=True)
        other.synchronize()
    with held_back() as (stream, hold, in_time), stream:
        key = cupy.zeros((), np.uint64)
        for number in (1, 2**64 - 5):
            if number > 1:  # what a first call compiles and allocates is there
                stream.synchronize()
                theirs.synchronize()
                hold()
            key.fill(np.uint64(number))
            with other, theirs:
                multirrelu.scale(x, x, Slopes(*BOUNDS, key), out=out)
            key.fill(np.uint64(3))
        assert in_time == []
    theirs.synchronize()
    assert_same(out, reference(HOST, HOST, Slopes(*BOUNDS, 2**64 - 5)))


def test_a_generator_draws_on_its_own_device(other):
    with other:
        rng, twin = cupy.random.default_rng(3), cupy.random.default_rng(3)
        key = int(twin.integers(0, 1 << 32, size=2, dtype="uint32").view("uint64")[0])
    y = multirrelu.rrelu(cupy.asarray(HOST), training=True, rng=rng)
    assert (y.device.id, cupy.cuda.Device().id) == (0, 0)
    assert_same(y, reference(HOST, HOST, Slopes(*BOUNDS, key)))


@pytest.mark.parametrize("kind", ["Generator", "RandomState"])
def test_a_generator_gives_keys_to_arrays_of_numpy_too(kind):
    make = {"Generator": cupy.random.default_rng, "RandomState": cupy.random.RandomState}[kind]
    ours, theirs = (multirrelu.rrelu(x, training=True, rng=make(3)) for x in (cupy.asarray(HOST), HOST))
    assert_same(ours, theirs)


@pytest.mark.parametrize("layout", ["consecutive", "a step"])
def test_more_elements_than_32_bits_count(layout):
    size = 2**32 + 1027
    if cupy.cuda.runtime.memGetInfo()[0] < 3 * size * 2:
        pytest.skip("the device has too little memory for two arrays of 2**32 elements")
    x = cupy.full(size, -1, dtype=np.float16)
    steps = (1,) if layout == "consecutive" else (3,)
    y = multirrelu.scale(x, x, Slopes(*BOUNDS, 3, strides=steps))
    for start in (0, 2**31 - 500, 2**32 - 500, size - 1000):
        part = np.full(1000, -1, dtype=np.float16)
        want = reference(part, part, Slopes(*BOUNDS, 3, start * steps[0], steps))
        assert np.array_equal(y[start : start + 1000].get(), want), start

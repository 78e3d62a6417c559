"""CuPy's backend without a GPU: keys, devices, streams, and what is said where something is missing; see `host_cuda`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")

import host_cuda  # noqa: E402
from cases import DTYPES, assert_same_bits, dtype_of, expected  # noqa: E402
from host_cuda import host, nothing_undefined  # noqa: E402, F401

import multirrelu  # noqa: E402
from multirrelu import Slopes  # noqa: E402
from multirrelu.memory import Placement  # noqa: E402

cupy = host_cuda.install()

import multirrelu_backends.cupy as backend  # noqa: E402
from multirrelu_backends import _cuda as kernels  # noqa: E402

pytestmark = pytest.mark.usefixtures("nothing_undefined")

BOUNDS = (1 / 8, 1 / 3)
HOST = np.random.default_rng(1).standard_normal((40, 70)).astype("f4")


def on_device(array, device=0):
    """Return a copy of an array, in the memory of a device."""
    with cupy.cuda.Device(device):
        return cupy.asarray(array)


def test_every_dtype_has_a_format():
    assert sorted(kernels.FORMATS) == sorted(DTYPES)


@pytest.mark.parametrize("turn", [lambda x: x, lambda x: x.T, lambda x: x[::-1, ::3]], ids=["dense", "Fortran", "steps"])
def test_a_result_is_new_and_lies_as_the_values(turn):
    x, slopes = turn(on_device(HOST)), Slopes(*BOUNDS, 42)
    result = backend.scale(x, x, slopes)
    assert result.strides == cupy.empty_like(x).strides
    assert_same_bits(result.get(), expected(turn(HOST), turn(HOST), slopes), turn)
    assert_same_bits(x.get(), turn(HOST), "the values are as they were")


@pytest.mark.parametrize("shape", [(0, 3), (0,), (4, 0, 2)], ids=str)
def test_nothing_is_launched_for_nothing(shape):
    x = cupy.empty(shape)
    host.launched.clear()
    assert backend.scale(x, x, Slopes(*BOUNDS, 1)).shape == shape
    assert host.launched == []


@pytest.mark.parametrize(
    "key", [np.uint64(2**64 - 1), np.int64(-1), np.uint32(5), np.int32(-5), np.int8(-1), np.array(7, dtype="u8")], ids=lambda key: key.dtype
)
@pytest.mark.parametrize("device", [0, 3, None])
@pytest.mark.parametrize("turn", [lambda x: x, lambda x: x.T], ids=["dense", "Fortran"])
def test_a_key_in_an_array(key, device, turn):
    kept = np.asarray(key) if device is None else on_device(key, device)
    x = turn(on_device(HOST))
    want = expected(turn(HOST), turn(HOST), Slopes(*BOUNDS, int(key) % 2**64))
    assert_same_bits(backend.scale(x, x, Slopes(*BOUNDS, kept)).get(), want, key)


def test_a_key_is_read_on_its_device_at_each_launch(monkeypatch):
    """No copy to the host is made, whatever is launched."""
    key, x = on_device(np.uint64(1)), on_device(HOST)
    slopes = Slopes(*BOUNDS, key)

    def refuse(*_):
        raise AssertionError("something is copied")

    for number in (1, 2**64 - 1):
        key.fill(np.uint64(number))
        with monkeypatch.context() as patch:
            patch.setattr(host_cuda.ctypes, "memmove", refuse)
            result = backend.scale(x, x, slopes)
        assert host.failed == []
        assert_same_bits(result.get(), expected(HOST, HOST, Slopes(*BOUNDS, number)), number)


def test_a_key_on_another_device_is_copied_once_it_is_there_and_before_its_memory_is_another_arrays():
    x, near, far = (on_device(array, device) for array, device in ((-np.ones(10), 2), (np.uint64(3), 2), (np.uint64(3), 1)))
    host.order.clear()
    backend.scale(x, x, Slopes(*BOUNDS, near))
    assert host.order == []
    backend.scale(x, x, Slopes(*BOUNDS, far))
    assert host.order == [(1, "records"), (2, "waits for", 1), (2, "copies"), (2, "records"), (1, "waits for", 2)]
    assert host.device == 0


def test_an_array_is_served_on_its_own_device_and_the_current_stream():
    x = on_device(-np.ones(10), 3)
    host.launched.clear()
    with cupy.cuda.Device(3), cupy.cuda.Stream(non_blocking=True) as stream, cupy.cuda.Device(0):
        result = backend.scale(x, x, Slopes(*BOUNDS, 42))
    (launch,) = host.launched
    assert (launch.device, launch.stream, launch.kernel) == (3, stream.ptr, "multirrelu_consecutive_float64")
    assert (result.device.id, host.device) == (3, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slopes_are_drawn_on_the_arrays_device(dtype):
    x = on_device(np.ones((3, 4), dtype=dtype_of(dtype)), 1).T
    for shared in (None, 0):
        drawn = multirrelu.draw_slopes(x, *BOUNDS, rng=5, shared_axes=shared)
        want = multirrelu.draw_slopes(np.ones((4, 3), dtype="f8" if dtype == "float64" else "f4"), *BOUNDS, rng=5, shared_axes=shared)
        assert drawn.device.id == 1
        assert_same_bits(drawn.get(), want, shared)


def test_elements_of_any_indices_are_served_on_their_device():
    x, index = on_device(HOST, 2), on_device(np.arange(HOST.size).reshape(HOST.shape), 2)
    for key in (on_device(np.uint64(5), 2), on_device(np.uint64(5), 1), 5):
        result = backend.scale_at(x.T, x.T, index.T, Slopes(*BOUNDS, key))
        assert result.device.id == 2
        assert_same_bits(result.get(), expected(HOST, HOST, Slopes(*BOUNDS, 5)).T, key)


def test_a_kernel_is_compiled_once_for_each_device():
    cupy.clear_memo()
    kernels.anywhere.cache_clear()
    host.texts.clear()
    for device in (3, 0, 3):
        x = on_device(-np.ones((3, 5)), device)
        backend.scale(x.T, x.T, Slopes(*BOUNDS, 1))
    assert [text.kernel for text in host.texts] == ["multirrelu_anywhere_float64"] * 2


def test_arrays_of_two_devices_are_refused():
    x, away = on_device(HOST), on_device(HOST, 1)
    with pytest.raises(ValueError, match=r"^out has device <CUDA Device 1>, but x has device <CUDA Device 0>$"):
        multirrelu.rrelu(x, out=away)
    with pytest.raises(ValueError, match=r"^gate has device <CUDA Device 1>, but values has device <CUDA Device 0>$"):
        multirrelu.scale(x, away, 0.5)


@pytest.mark.parametrize("turn", [lambda x: x[::-1], lambda x: x[:, ::-2], lambda x: x.T[::-1, ::-1]])
def test_memory_is_known_where_strides_are_negative(turn):
    x = turn(on_device(HOST))
    assert backend.placement(x) == Placement(x.data.ptr, x.shape, x.strides, 4)
    multirrelu.rrelu(x, training=True, rng=5, inplace=True)
    assert_same_bits(x.get(), multirrelu.rrelu(turn(HOST), training=True, rng=5), turn)
    with pytest.raises(ValueError, match=r"^out overlaps x in part: "):
        multirrelu.rrelu(x[1:], out=x[:-1])


@pytest.mark.parametrize(("is_hip", "option"), [(False, "-fmad=false"), (True, "-ffp-contract=off")])
def test_products_are_not_fused_on_amds_gpus_either(is_hip, option, monkeypatch):
    made = []
    monkeypatch.setattr(cupy.cuda.runtime, "is_hip", is_hip)
    monkeypatch.setattr(cupy, "ElementwiseKernel", lambda *_, **options: made.append(options["options"]))
    kernels.anywhere.__wrapped__("float32", 2)
    kernels.consecutive.__wrapped__("float32")
    assert made == [(option,)] * 2


@pytest.mark.parametrize(
    "error",
    [ImportError("libnvrtc.so.13 is missing\n/usr/lib"), cupy.cuda.compiler.CompileException("libnvrtc.so.13 is missing\n...", "", "", ())],
    ids=["import", "compile"],
)
def test_what_is_missing_is_said_with_what_to_install(error, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(kernels, "consecutive", lambda _: refuse)
    x = on_device(HOST)
    said = "CuPy cannot compile multirrelu's kernel: libnvrtc.so.13 is missing. pip install 'multirrelu[cupy-cuda12]' or "
    with pytest.raises(RuntimeError) as raised:
        backend.scale(x, x, Slopes(*BOUNDS, 1))
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)
    assert backend.describe().startswith(f"a fused kernel, which does not run: {said}")


def test_what_else_goes_wrong_is_cupys_own(monkeypatch):
    class OutOfResourcesError(RuntimeError):
        pass

    def refuse(*_, **__):
        raise OutOfResourcesError

    monkeypatch.setattr(kernels, "consecutive", lambda _: refuse)
    x = on_device(HOST)
    with pytest.raises(OutOfResourcesError):
        backend.scale(x, x, 0.5)


def test_the_report_says_which_path(monkeypatch):
    stand_in = SimpleNamespace(getDeviceProperties=lambda number: {"name": b"NVIDIA H200"}, is_hip=False)
    monkeypatch.setattr(cupy.cuda, "runtime", stand_in)
    monkeypatch.setattr(cupy.cuda.nvrtc, "getVersion", lambda: (13, 5))
    assert backend.describe() == "a fused kernel, by NVRTC 13.5, on NVIDIA H200; CuPy flushes float32's subnormals"

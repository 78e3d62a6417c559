"""CuPy's backend on a machine without a GPU: CuPy's own module, with memory of the host, and kernels that the host runs."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")
cupy = pytest.importorskip("cupy")

import host_cuda  # noqa: E402
from cases import DTYPES, assert_same_bits, dtype_of, expected  # noqa: E402

import multirrelu_backends.cupy as backend  # noqa: E402
from multirrelu import Slopes, agnostic  # noqa: E402
from multirrelu_backends._cuda import KINDS, OPTIONS, SOURCE, THREADS, Launch  # noqa: E402

SLOPES = Slopes(1 / 8, 1 / 3, 42)


class Device:
    """A device that can be made the current one."""

    current = 0

    def __init__(self, number=None):
        self.id = Device.current if number is None else number

    def __eq__(self, other):
        return self.id == other.id

    __hash__ = None

    def __enter__(self):
        self.before, Device.current = Device.current, self.id
        return self

    def __exit__(self, *_):
        Device.current = self.before


class Stream:
    """The current stream of the device that is current, which notes what it is told; an event is the device that recorded it."""

    told: list[tuple[object, ...]]

    def record(self, event):
        Stream.told.append((Device.current, "records", event))
        event.of = Device.current
        return event

    def wait_event(self, event):
        Stream.told.append((Device.current, "waits for", event.of))


class Array:
    """What the backend uses of CuPy's arrays."""

    def __init__(self, host, device=0):
        self.host, self.device = host, Device(device)
        self.shape, self.strides, self.dtype = host.shape, host.strides, host.dtype
        self.data = SimpleNamespace(ptr=host.ctypes.data)

    def copy(self):
        Stream.told.append((Device.current, "copies from", self.device.id))
        return Array(self.host.copy(), Device.current)

    def astype(self, dtype):
        return Array(self.host.astype(dtype), Device.current)


class Kernel:
    """A kernel of CuPy's, which the host runs, on the device that is current."""

    launched: list[tuple[int, str]]

    def __init__(self, source, name, options):
        assert (source, options) == (SOURCE, OPTIONS), "the tests have compiled just this"
        self.name = name

    def compile(self):
        pass

    def __call__(self, grid, block, arguments):
        assert block == (THREADS,)
        assert all(isinstance(argument, np.generic) for argument in arguments), "CuPy passes a number of NumPy's as its dtype says"
        Kernel.launched.append((Device.current, self.name))
        host_cuda.run(Launch(self.name, *grid, arguments))


@pytest.fixture(autouse=True)
def host(monkeypatch):
    """Put the host in the place of a GPU."""
    Kernel.launched, Stream.told = [], []
    monkeypatch.setattr(cupy, "empty_like", lambda x: Array(np.empty_like(x.host), Device.current))
    monkeypatch.setattr(cupy, "asarray", lambda x: x if isinstance(x, Array) else Array(np.asarray(x), Device.current))
    monkeypatch.setattr(cupy, "RawKernel", Kernel)
    monkeypatch.setattr(cupy.cuda, "Device", Device)
    monkeypatch.setattr(cupy.cuda, "get_current_stream", Stream)
    monkeypatch.setattr(cupy.cuda, "Event", SimpleNamespace)
    backend._kernel.cache_clear()
    yield
    backend._kernel.cache_clear()


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("slopes", [SLOPES, Slopes(-0.5, 0.5, 2**64 - 1, 2**34 - 9, (7, 1)), 0.25], ids=["drawn", "steps", "constant"])
def test_equals_the_reference(slopes, dtype):
    x = np.random.default_rng(1).standard_normal((40, 70)).astype(dtype_of(dtype))
    for host in (x, x.T, x[::-1, ::3]):
        array = Array(host)
        result = backend.scale(array, array, slopes)
        assert_same_bits(result.host, expected(host, host, slopes), slopes)
        gate, out = Array(-host), Array(np.empty_like(host))
        assert backend.scale(array, gate, slopes, out=out) is out
        assert_same_bits(out.host, expected(host, -host, slopes), slopes)


@pytest.mark.parametrize(
    "key", [np.uint64(2**64 - 1), np.int64(-1), np.uint32(5), np.int32(-5), np.array(7, dtype="u8")], ids=lambda key: str(key.dtype)
)
@pytest.mark.parametrize("device", [0, 3])
def test_a_key_in_an_array(key, device):
    x = np.random.default_rng(2).standard_normal(1000)
    kept = Array(np.array(key), device)
    assert_same_bits(
        backend.scale(Array(x), Array(x), Slopes(1 / 8, 1 / 3, kept)).host, expected(x, x, Slopes(1 / 8, 1 / 3, int(key) % 2**64)), key
    )


def test_a_key_on_another_device_is_copied_once_it_is_there_and_before_its_memory_is_another_arrays():
    x, near, far = Array(-np.ones(10), 2), Array(np.array(3), 2), Array(np.array(3), 1)
    backend.scale(x, x, Slopes(1 / 8, 1 / 3, near))
    assert Stream.told == []
    backend.scale(x, x, Slopes(1 / 8, 1 / 3, far))
    made, copied = (SimpleNamespace(disable_timing=True, of=device) for device in (1, 2))
    assert Stream.told == [
        (1, "records", made),
        (2, "waits for", 1),
        (2, "copies from", 1),
        (2, "records", copied),
        (1, "waits for", 2),
    ]
    assert Device.current == 0


def test_an_array_is_served_on_its_own_device():
    x = Array(-np.ones(10), 5)
    result = backend.scale(x, x, SLOPES)
    assert Kernel.launched == [(5, "consecutive_float64")]
    assert (result.device.id, Device.current) == (5, 0)


def test_an_empty_array_launches_nothing():
    x = Array(np.ones((0, 3)))
    assert backend.scale(x, x, SLOPES).shape == (0, 3)
    assert Kernel.launched == []


def test_a_kernel_is_compiled_once_for_each_device(monkeypatch):
    compiled = []
    monkeypatch.setattr(Kernel, "compile", lambda _: compiled.append(Device.current))
    for device in (5, 0, 5):
        x = Array(-np.ones(10), device)
        backend.scale(x, x, SLOPES)
    assert compiled == [5, 0]


def test_every_dtype_has_kernels():
    assert sorted(KINDS) == sorted(DTYPES)


def test_other_gpus_go_through_the_standard_functions(monkeypatch):
    called, x = [], object()
    monkeypatch.setattr(agnostic, "scale", lambda *args, out: called.append((args, out)))
    monkeypatch.setattr(cupy.cuda.runtime, "is_hip", True)
    backend.scale(x, x, SLOPES, out=x)
    assert called == [((x, x, SLOPES), x)]


def test_what_is_missing_is_said_with_what_to_install(monkeypatch):
    def refuse(_):
        raise OSError("libnvrtc.so.13 is missing")

    monkeypatch.setattr(Kernel, "compile", refuse)
    x = Array(np.ones(3))
    with pytest.raises(
        RuntimeError,
        match=r"compile multirrelu's kernels for device 0: libnvrtc\.so\.13 is missing\. pip install 'multirrelu\[cupy-cuda12\]'",
    ):
        backend.scale(x, x, SLOPES)
    said = "fused kernels that do not run: CuPy cannot compile multirrelu's kernels for device 0: libnvrtc.so.13 is missing. pip install "
    assert backend.describe().startswith(said)


def test_the_report_says_which_path(monkeypatch):
    monkeypatch.setattr(cupy.cuda.nvrtc, "getVersion", lambda: (13, 5))
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", lambda number: {"name": b"NVIDIA H200"})
    assert backend.describe() == "fused kernels, by NVRTC 13.5, on NVIDIA H200; CuPy flushes float32's subnormals"
    with monkeypatch.context() as patch:
        patch.setattr(cupy.cuda.runtime, "is_hip", True)
        assert backend.describe() == "standard functions, for the kernels are NVIDIA's"


def test_the_real_cupy_has_what_stands_in_for_it_here(monkeypatch):
    monkeypatch.undo()
    for name in ("shape", "strides", "dtype", "data", "device", "copy", "astype"):
        assert hasattr(cupy.ndarray, name)
    assert hasattr(cupy.cuda.MemoryPointer, "ptr")
    assert hasattr(cupy.cuda.Device, "__enter__")
    for name in ("compile", "__call__", "local_size_bytes", "num_regs"):
        assert hasattr(cupy.RawKernel, name)
    for name in ("record", "wait_event"):
        assert hasattr(cupy.cuda.Stream, name)
    assert callable(cupy.cuda.get_current_stream)
    assert "disable_timing" in inspect.signature(cupy.cuda.Event).parameters
    kernel = cupy.RawKernel(SOURCE, "consecutive_float32", OPTIONS)
    assert (kernel.code, kernel.options, kernel.name, kernel.backend) == (SOURCE, OPTIONS, "consecutive_float32", "nvrtc")


def test_cupy_compiles_what_the_tests_have_compiled():
    """CuPy's own way to NVRTC, but for the device that it asks: the flags that it adds are those of the tests."""
    from cupy.cuda import compiler

    assert "options += ('-ftz=true',)" in inspect.getsource(compiler._compile_with_cache_cuda)
    assert "'--device-as-default-execution-space'" in inspect.getsource(compiler._compile_using_nvrtc_no_warning)
    program = compiler._NVRTCProgram(SOURCE, "source.cu", method="cubin")
    code, _ = program.compile((*OPTIONS, "-ftz=true", "-arch=sm_90", "--device-as-default-execution-space"))
    assert code[:4] == b"\x7fELF"

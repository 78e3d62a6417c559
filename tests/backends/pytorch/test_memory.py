"""Tensors in memory: NumPy's bits in every layout and dtype, strides kept, threads obeyed, versions counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

import multirrelu  # noqa: E402
from multirrelu import Slopes, agnostic  # noqa: E402
from multirrelu_backends.torch import dense, devices, memory, scale  # noqa: E402

DTYPES = ["float16", "bfloat16", "float32", "float64"]
LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(1, 3),
    "sliced": lambda x: x[:, 1:, ::2, 1:-1],
    "expanded": lambda x: x[:1].expand(5, -1, -1, -1),
    "scalar": lambda x: x[0, 0, 0, 0],
    "empty": lambda x: x[:, :0],
}


@pytest.fixture(params=["kernel", "standard functions"], autouse=True)
def path(request, monkeypatch):
    """Each of the ways that a tensor on the CPU can take."""
    if request.param == "kernel":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(devices, "cpu_kernel", lambda: None)
        monkeypatch.setattr(dense, "_prepared", lambda *_: None)
    return request.param


def tensor(dtype="float32", shape=(2, 3, 8, 9), seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(getattr(torch, dtype))


def assert_same_bits(one, other):
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    assert torch.equal(one.contiguous().view(kind), other.contiguous().view(kind))


def reference(values, gate, slopes):
    return agnostic.scale(values.detach(), gate.detach(), slopes)


@pytest.mark.parametrize(
    "slopes", [Slopes(0.1, 0.3, 2**64 - 5, offset=2**34 - 7), Slopes(-1.0, 1.0, 3), 0.2], ids=["far", "negative", "constant"]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_the_reference(layout, dtype, slopes):
    x = LAYOUTS[layout](tensor(dtype))
    y = scale(x, x, slopes)
    assert_same_bits(y, reference(x, x, slopes))
    gate = LAYOUTS[layout](tensor(dtype, seed=1))
    assert_same_bits(scale(x, gate, slopes), reference(x, gate, slopes))
    if layout != "expanded":
        out = x.clone()
        assert scale(out, out, slopes, out=out) is out
        assert_same_bits(out, y)


@pytest.mark.parametrize("layout", ["channels_last", "transposed"])
def test_strides_are_kept(layout):
    x = LAYOUTS[layout](tensor())
    assert multirrelu.rrelu(x, training=True, rng=1).stride() == x.stride()
    assert multirrelu.rrelu(x).stride() == x.stride()


def test_the_bits_are_numpys():
    x = tensor()
    assert_same_bits(multirrelu.rrelu(x, training=True, rng=42), torch.from_numpy(multirrelu.rrelu(x.numpy(), training=True, rng=42)))


def test_a_negated_view_has_the_values_that_it_shows():
    x = torch.view_as_complex(tensor(shape=(50, 2))).conj().imag
    assert x.is_neg()
    y = multirrelu.rrelu(x, training=True, rng=1)
    assert_same_bits(y, multirrelu.rrelu(x.resolve_neg().clone(), training=True, rng=1))
    multirrelu.rrelu(x, training=True, rng=1, inplace=True)
    assert_same_bits(x.resolve_neg(), y)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_a_key_in_a_tensor(dtype):
    x = tensor()
    key = torch.tensor(-3, dtype=torch.int64).view(getattr(torch, dtype))
    assert_same_bits(scale(x, x, Slopes(0.1, 0.3, key)), reference(x, x, Slopes(0.1, 0.3, 2**64 - 3)))


def test_a_key_in_another_librarys_array():
    x = tensor()
    key = np.asarray(2**64 - 3, dtype=np.uint64)
    assert_same_bits(scale(x, x, Slopes(0.1, 0.3, key)), reference(x, x, Slopes(0.1, 0.3, 2**64 - 3)))


def test_a_key_for_each_row():
    x, keys = tensor(), torch.tensor([5, -1])
    rows = [reference(x[i], x[i], Slopes(0.1, 0.3, int(keys[i]) % 2**64, offset=9)) for i in range(2)]
    assert_same_bits(memory.run(x, None, keys, Slopes(0.1, 0.3, 0, offset=9)), torch.stack(rows))


def test_threads_are_pytorchs(path, monkeypatch):
    if path != "kernel":
        pytest.skip("the standard functions are PyTorch's own")
    from multirrelu_backends import _kernel

    used = []
    monkeypatch.setattr(_kernel, "get_num_threads", lambda: 16)
    crew = SimpleNamespace(share=lambda kernel, job, tasks, threads: (used.append(threads), kernel.call(job, 0, tasks)))
    monkeypatch.setattr(_kernel, "_crew", lambda: crew)
    before, x = torch.get_num_threads(), torch.ones(16 * _kernel.THREADED)
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            multirrelu.rrelu(x, training=True, rng=1)
    finally:
        torch.set_num_threads(before)
    assert used == [2, 3], "one thread needs no crew"


@pytest.mark.parametrize("where", ["inplace", "out"])
def test_a_write_counts_as_a_version(where):
    x = tensor()
    target = x if where == "inplace" else torch.empty_like(x)
    before = target._version
    multirrelu.rrelu(x, training=True, rng=1, **({"inplace": True} if where == "inplace" else {"out": target}))
    assert target._version > before


def test_a_write_to_what_is_saved_is_noticed():
    x = torch.randn(dense.MOST + 1, requires_grad=True)  # of a small tensor, factors are saved
    y = multirrelu.rrelu(x, training=True, rng=1)
    multirrelu.rrelu(y.detach(), training=True, rng=2, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_inference_tensors_are_written_to():
    with torch.inference_mode():
        x = tensor()
        multirrelu.rrelu(x, training=True, rng=1, inplace=True)
    assert torch.equal(x, multirrelu.rrelu(tensor(), training=True, rng=1))


@pytest.mark.parametrize("training", [True, False])
def test_meta_tensors_have_a_shape_and_strides(training):
    x = LAYOUTS["channels_last"](tensor()).to("meta")
    for y in (multirrelu.rrelu(x, training=training), multirrelu.rrelu(x, training=training, out=torch.empty_like(x))):
        assert (y.device.type, y.shape, y.dtype) == ("meta", x.shape, x.dtype)
        assert y.stride() == x.stride()


def test_the_report_says_which_path(path):
    known = {"kernel": "the fused kernel on the CPU", "standard functions": "using the slower standard functions on the CPU because"}
    assert devices.describe().startswith(known[path])


def test_zeros_that_have_no_memory():
    x = torch._efficientzerotensor(4)
    assert x.data_ptr() == 0
    assert torch.equal(multirrelu.rrelu(x, training=True, rng=1), torch.zeros(4))


def test_memory_that_is_not_aligned_to_an_element():
    size = (1 << 23) + 100  # whose output would go past the cache, by stores that need an aligned line
    x, memory_ = torch.randn(size), torch.zeros(4 * size + 64, dtype=torch.uint8).numpy()
    out = torch.frombuffer(memory_, dtype=torch.float32, count=size, offset=(62 - memory_.ctypes.data) % 64)
    assert out.data_ptr() % 4 == 2
    multirrelu.rrelu(x[:size], training=True, rng=1, out=out)
    assert torch.equal(out, multirrelu.rrelu(x, training=True, rng=1))

"""Small tensors that require grad: a product with drawn factors, of the bits that a function gives, wherever it can be one."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("numba")

import multirrelu  # noqa: E402
from multirrelu import rrelu  # noqa: E402
from multirrelu_backends.torch import dense, keys  # noqa: E402

SPECIAL = [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-45, -1e-45, 3e38, -3e38, -1e-39]
PRODUCTS = {
    "an element": lambda: torch.randn(()),
    "none": lambda: torch.randn(0, 3),
    "a matrix": lambda: torch.randn(7, 9),
    "float64": lambda: torch.randn(5, dtype=torch.float64),
    "the most": lambda: torch.randn(dense.MOST),
    "a part of another": lambda: torch.randn(100)[17:60],
    "a parameter": lambda: torch.nn.Parameter(torch.randn(3)),
    "special values": lambda: torch.tensor(SPECIAL),
}
FUNCTIONS = {
    "more": lambda: torch.randn(dense.MOST + 1),
    "float16": lambda: torch.randn(5).half(),
    "bfloat16": lambda: torch.randn(5).bfloat16(),
    "a transpose": lambda: torch.randn(5, 6).t(),
    "not aligned": lambda: torch.from_numpy(np.frombuffer(bytearray(41), np.float32, 10, 1)),
    "sees operators": lambda: Own(torch.randn(4)),
    "negated": lambda: torch.randn(4, dtype=torch.complex64).conj().imag,
}


class Own(torch.Tensor):
    """A subclass, which products would keep."""


def both(x, **options):
    """Return the output, the gradient, and the name of the node that recorded it."""
    x = x.detach().requires_grad_()
    y = rrelu(x, training=True, rng=7, **options)
    (gradient,) = torch.autograd.grad(y, x, torch.linspace(-2, 2, y.numel(), device="cpu").reshape(y.shape).to(y.dtype))
    return y.detach(), gradient, type(y.grad_fn).__name__


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.5, 0.5), (0.25, 0.25), (0.0, 1.0), (2.0, 3.0)], ids=str)
@pytest.mark.parametrize("make", PRODUCTS)
def test_the_bits_of_a_function(make, bounds, monkeypatch):
    x = PRODUCTS[make]()
    *product, node = both(x, lower=bounds[0], upper=bounds[1])
    assert node == "MulBackward0"
    monkeypatch.setattr(dense, "MOST", -1)
    *function, node = both(x, lower=bounds[0], upper=bounds[1])
    assert node == "RecordedBackward"
    for one, other in zip(product, function, strict=True):
        np.testing.assert_array_equal(one, other)
        assert torch.equal(torch.signbit(one), torch.signbit(other)), "of zeros too"


def test_the_gradient_where_the_output_is_nan():
    """Minus infinity times zero is NaN, by which a function takes the gate for open; factors are those of the input."""
    y, gradient, _ = both(torch.tensor([-torch.inf, -1.0, torch.nan]), lower=0.0, upper=0.0)
    np.testing.assert_array_equal(y, [torch.nan, -0.0, torch.nan])
    np.testing.assert_array_equal(gradient, [-0.0, 0.0, 2.0])


@pytest.mark.parametrize("make", FUNCTIONS)
def test_where_it_is_a_function(make):
    assert both(FUNCTIONS[make]())[2] == "RecordedBackward"


def test_shared_slopes_are_a_functions():
    assert both(torch.randn(3, 4), shared_axes=0)[2] == "RecordedBackward"


def test_a_key_is_read_at_once():
    x, key = (-torch.ones(4)).requires_grad_(), torch.tensor(7)
    y = multirrelu.scale(x, x, multirrelu.Slopes(0.1, 0.3, key))
    key.add_(1)
    y.sum().backward()
    assert torch.equal(x.grad, -y)


def test_what_is_made_under_inference_mode_serves_gradients_later():
    with torch.inference_mode():
        rrelu(torch.randn(3), training=True)
    assert both(torch.randn(3))[2] == "MulBackward0"


def test_keys_are_drawn_on_the_cpu_whatever_the_default_device(monkeypatch):
    monkeypatch.setattr(keys, "_spare", [])
    with torch.device("meta"):
        assert both(torch.randn(3, device="cpu"))[2] == "MulBackward0"


def test_a_tensor_that_outlives_its_transform():
    """The wrapper that a transform leaves behind has no memory of its own."""
    left = []
    torch.func.grad(lambda x: (left.append(x), x.sum())[1])(torch.tensor([-1.0, 2.0]))
    y = rrelu(left[0], training=True, rng=7)
    assert y.tolist() == rrelu(torch.tensor([-1.0, 2.0]), training=True, rng=7).tolist()

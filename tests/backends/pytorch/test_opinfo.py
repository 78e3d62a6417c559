"""PyTorch's own expectations of rrelu: the samples, errors and dtypes of its OpInfo, put to our function."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch.testing._internal needs expecttest")
pytest.importorskip("numpy")

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

from multirrelu import rrelu  # noqa: E402

(INFO,) = (info for info in op_db if info.name == "nn.functional.rrelu")
DTYPES = sorted({*INFO.dtypes, torch.float16, torch.bfloat16}, key=str)


def samples(dtype, requires_grad=False):
    return list(INFO.sample_inputs("cpu", dtype, requires_grad=requires_grad))


def call(sample):
    return rrelu(sample.input, *sample.args, rng=7, **sample.kwargs)


def test_there_are_samples():
    assert len(samples(torch.float32)) > 3
    assert {torch.float32, torch.float64} <= set(INFO.dtypes)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_its_samples(dtype):
    for sample in samples(dtype):
        x = sample.input
        y = call(sample)
        assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
        low, high = (sample.kwargs.get(name, default) for name, default in (("lower", 1 / 8), ("upper", 1 / 3)))
        slope = (y / x)[x < 0].double()
        tolerance = 2 * torch.finfo(dtype).eps * max(abs(low), abs(high))
        assert torch.equal(y[x > 0], x[x > 0])
        assert bool(((slope >= low - tolerance) & (slope <= high + tolerance)).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_evaluation_is_its_reference(dtype):
    for sample in samples(dtype):
        kwargs = {**sample.kwargs, "training": False}
        assert torch.equal(rrelu(sample.input, *sample.args, **kwargs), INFO.op(sample.input, *sample.args, **kwargs))


def test_its_samples_are_differentiated():
    for sample in samples(torch.float64, requires_grad=True):

        def function(x, sample=sample):
            return rrelu(x, *sample.args, rng=7, **sample.kwargs)

        assert torch.autograd.gradcheck(function, sample.input, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(function, sample.input)


def test_in_place_is_out_of_place():
    for sample in samples(torch.float32):
        expected = call(sample)
        y = sample.input.clone()
        assert rrelu(y, *sample.args, rng=7, inplace=True, **sample.kwargs) is y
        assert torch.equal(y, expected)


def test_its_errors():
    errors = list(INFO.error_inputs("cpu"))
    assert errors
    for error in errors:
        sample = error.sample_input
        with pytest.raises((error.error_type, ValueError)):
            rrelu(sample.input, *sample.args, **sample.kwargs)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64], ids=str)
def test_the_dtypes_that_it_has_not(dtype):
    assert dtype not in INFO.dtypes
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes float16, bfloat16, float32, float64, got "):
        rrelu(torch.ones(3, dtype=dtype))

"""cubed's arrays: what a plan looks like before anything is computed, and that every block has the bits of NumPy's array in one piece."""

from __future__ import annotations

from functools import partial

import pytest

import multirrelu
from multirrelu import Slopes, draw_slopes, rrelu, rrelu_vjp

np = pytest.importorskip("numpy")
cubed = pytest.importorskip("cubed")

from cases import assert_same_bits  # noqa: E402

KEY = 0x123456789ABCDEF0
SHAPE = (13, 17, 5)
BLOCKS = {"one": SHAPE, "rows": (4, 17, 5), "columns": (13, 6, 5), "all axes": (6, 9, 2)}
DTYPES = ["float16", "float32", "float64"]
BOUNDS = {"positive": (1 / 8, 1 / 3), "across zero": (-0.5, 0.25)}
train = partial(rrelu, training=True, rng=KEY)


@pytest.fixture(autouse=True)
def _at_once():
    with cubed.config.set({"spec.executor_name": "single-threaded"}):
        yield


def numbers(shape=SHAPE, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def cut(h, blocks="all axes", **options):
    return cubed.from_array(h, chunks=BLOCKS[blocks], **options)


def check(actual, expected):
    """Fail unless an array of cubed has NumPy's bits, and said so beforehand."""
    assert isinstance(actual, cubed.Array)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    assert_same_bits(np.asarray(actual.compute()), np.asarray(expected), actual.name)


def test_backend_is_registered():
    assert multirrelu.backend_for(cubed.ones(1)).scale.__module__ == "multirrelu_backends.cubed"


def test_report():
    from multirrelu.cli import report

    row = report.row("cubed")
    assert (row.path, row.answers, row.version) == ("multirrelu_backends.cubed", report.HOLD, cubed.__version__)
    assert row.why == "one task a block, by the backend of the block's own library, in one thread"


# Bits


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("blocks", BLOCKS)
def test_every_block_has_the_bits_of_the_whole(blocks, dtype):
    h, g = numbers(dtype=dtype), numbers(dtype=dtype, seed=1)
    x = cut(h, blocks)
    y, pullback = rrelu_vjp(x, training=True, rng=KEY)
    check(y, train(h))
    check(pullback(cut(g, blocks)), rrelu_vjp(h, training=True, rng=KEY)[1](g))
    check(draw_slopes(x, rng=KEY), draw_slopes(h, rng=KEY))
    check(rrelu(x), rrelu(h))


@pytest.mark.parametrize("shared", [0, (0, 2), (0, 1, 2)], ids=str)
def test_shared_axes(shared):
    h = numbers()
    check(train(cut(h), shared_axes=shared), train(h, shared_axes=shared))
    check(draw_slopes(cut(h), rng=KEY, shared_axes=shared), draw_slopes(h, rng=KEY, shared_axes=shared))


@pytest.mark.parametrize("strides", [None, (1, 13, 221), (-1, 0, 2**40 + 1), (2**63, 3, 2**62)], ids=str)
def test_strides_and_offsets(strides):
    h, slopes = numbers(), Slopes(0.1, 0.3, KEY, offset=2**64 - 3, strides=strides)
    x = cut(h)
    check(multirrelu.scale(x, x, slopes), multirrelu.scale(h, h, slopes))


@pytest.mark.parametrize("bounds", BOUNDS)
def test_a_cotangent_of_other_blocks(bounds):
    h, g = numbers(), numbers(seed=1)
    result = rrelu_vjp(cut(h, "rows"), *BOUNDS[bounds], training=True, rng=KEY)[1](cut(g, "columns"))
    check(result, rrelu_vjp(h, *BOUNDS[bounds], training=True, rng=KEY)[1](g))
    assert result.chunks == cut(g, "columns").chunks


def test_indices_of_other_blocks():
    h, slopes = numbers(), Slopes(0.1, 0.3, KEY, offset=2**64 - 9)
    index = np.random.default_rng(2).integers(-(2**63), 2**63 - 1, SHAPE)
    x = cut(h)
    check(multirrelu.scale_at(x, x, cut(index, "rows"), slopes), multirrelu.scale_at(h, h, index, slopes))
    check(multirrelu.scale_at(x, cut(-h, "rows"), cut(index), 0.5), multirrelu.scale_at(h, -h, index, 0.5))


def test_a_part_of_the_result_has_the_slopes_of_the_whole():
    h = numbers()
    check(train(cut(h))[5:, ::2], train(h)[5:, ::2])
    check(train(cut(h)).rechunk((5, 5, 5)), train(h))


@pytest.mark.parametrize("shape", [(), (1,), (2,) * 6], ids=str)
def test_few_axes_and_many(shape):
    h = -np.ones(shape, np.float32)
    x = cubed.from_array(h, chunks=1) if shape else cubed.asarray(h)
    check(train(x), train(h))
    check(draw_slopes(x, rng=KEY), draw_slopes(h, rng=KEY))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)], ids=str)
def test_no_elements(shape):
    """cubed cannot rechunk them, which a gate of other blocks would need."""
    h = np.ones(shape, np.float32)
    x, g = (cubed.from_array(h, chunks=blocks) for blocks in ((1, 2), (2, 1)))
    y, pullback = rrelu_vjp(x, training=True, rng=KEY)
    for result in (y, pullback(g), draw_slopes(x, rng=KEY), multirrelu.scale(g, x, Slopes(0.1, 0.3, KEY))):
        check(result, h)


EXECUTORS = {"threads": {"max_workers": 2}, "processes": {"max_workers": 1}, "single-threaded": {}}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors(executor, tmp_path):
    """Whatever runs a block, and however little memory it is allowed: the block that is read, and the one that is written."""
    h = numbers((1000, 200))
    memory = {"allowed_mem": 8 * 100 * 200 * 4, "reserved_mem": 0}
    spec = cubed.Spec(str(tmp_path), executor_name=executor, executor_options=EXECUTORS[executor], zarr_compressor=None, **memory)
    x = cubed.from_array(h, chunks=(100, 200), spec=spec)
    assert_same_bits(train(x).compute(), train(h), executor)


def test_a_block_is_scaled_in_one_thread(monkeypatch):
    from multirrelu_backends import numpy, threads

    used = []
    monkeypatch.setattr(numpy._kernel, "run", lambda *_: used.append(threads.get_num_threads()))
    monkeypatch.setattr(numpy._blocks, "write", lambda *_: None)
    train(cut(numbers(), "columns")).compute()
    assert used == [1] * 3


# Plans


def test_nothing_is_computed():
    with cubed.raise_if_computes():
        x, key = cut(numbers(dtype="float16")), cubed.asarray(np.int64(1))
        y, pullback = rrelu_vjp(x, training=True)
        drawn = draw_slopes(x, rng=1), multirrelu.scale(x, x, Slopes(0.1, 0.3, key))
        for result in (y, pullback(x), rrelu(x), train(x, shared_axes=1), *drawn):
            assert (result.shape, result.chunks, result.spec) == (SHAPE, x.chunks, x.spec)


def tasks(array):
    return array.plan().num_tasks


def test_one_task_a_block():
    """Beside the one that makes room for the result; fused with the operations before and after."""
    x = cut(numbers())
    assert tasks(train(x)) == x.npartitions + 1 == tasks(-x)
    assert tasks(1 - train(2 * x)) == x.npartitions + 1
    assert tasks(draw_slopes(x, rng=1)) == x.npartitions + 1


def test_memory_is_that_of_one_operation():
    x = cubed.from_array(numbers((1000, 1000)), chunks=(500, 500))
    one, other = (array.plan().max_projected_mem for array in (train(x), -x))
    assert other <= one <= other + 1000  # the block's number


def test_slopes_need_no_block_of_their_array():
    like = cubed.map_blocks(refuse, cut(numbers()), dtype=np.float32)
    check(draw_slopes(like, rng=KEY), draw_slopes(numbers(), rng=KEY))
    with pytest.raises(ValueError, match="a block was computed"):
        train(like).compute()


def refuse(block):
    raise ValueError("a block was computed")


# Keys


def test_one_key_is_drawn_when_the_plan_is_made():
    x, rng, twin = cut(numbers()), np.random.default_rng(3), np.random.default_rng(3)
    with cubed.raise_if_computes():
        y = rrelu(x, training=True, rng=rng)
    check(y, rrelu(numbers(), training=True, rng=twin))
    assert rng.bit_generator.state == twin.bit_generator.state


def test_no_rng_is_a_key_of_the_plan():
    """What is computed again has the same bits; what is called again has not."""
    x = cut(-np.ones(SHAPE, np.float32))
    y = rrelu(x, training=True)
    assert_same_bits(y.compute(), y.compute(), "again")
    assert not (y.compute() == rrelu(x, training=True).compute()).any()


KEYS = {
    "NumPy's": lambda: np.asarray(-5),
    "cubed's": lambda: cubed.asarray(np.int64(-5)),
    "unsigned": lambda: cubed.asarray(np.uint64(2**64 - 5)),
    "of a reduction": lambda: cubed.sum(cubed.from_array(np.asarray([-2, -3]), chunks=1)),
}


@pytest.mark.parametrize("key", KEYS)
def test_keys_that_are_arrays(key):
    h, x = numbers(), cut(numbers())
    with cubed.raise_if_computes():
        y = multirrelu.scale(x, x, Slopes(0.1, 0.3, KEYS[key]()))
    check(y, multirrelu.scale(h, h, Slopes(0.1, 0.3, 2**64 - 5)))
    check(rrelu(x, training=True, rng=KEYS[key]()), rrelu(h, training=True, rng=2**64 - 5))


# Refusals


def test_two_specs(tmp_path):
    x, other = cut(numbers()), cut(numbers(), spec=cubed.Spec(str(tmp_path), allowed_mem="1GB"))
    message = r"^{} has another cubed\.Spec than values: make both under one, by spec= or cubed\.config$"
    with pytest.raises(ValueError, match=message.format("gate")):
        rrelu_vjp(x)[1](other)
    with pytest.raises(ValueError, match=message.format("key")):
        multirrelu.scale(other, other, Slopes(0.1, 0.3, cubed.asarray(np.int64(1))))


def test_nothing_is_written_to():
    x = cut(numbers())
    with pytest.raises(TypeError, match=r"^x is immutable: an Array of cubed of shape \(13, 17, 5\) and dtype float32 cannot"):
        rrelu(x, inplace=True)
    with pytest.raises(TypeError, match=r"^out is immutable"):
        rrelu(x, out=-x)
    with pytest.raises(TypeError, match=r"^out is immutable"):
        rrelu_vjp(x)[1](x, out=x)


def test_integers():
    with pytest.raises(TypeError, match=r"^x must have one of the dtypes .*, got int32: "):
        train(cubed.asarray(np.ones(3, np.int32)))


# xarray


@pytest.fixture
def named():
    """An array of names, cut along both of its axes."""
    xr = pytest.importorskip("xarray")
    pytest.importorskip("cubed_xarray")
    return xr.DataArray(-np.ones((6, 8), np.float32), dims=("time", "x"), name="heat").chunk(time=2, x=4, chunked_array_type="cubed")


WAYS = {
    "allowed": lambda xr, x: xr.apply_ufunc(train, x, dask="allowed"),
    "data": lambda xr, x: x.copy(data=train(x.data)),
}


@pytest.mark.parametrize("way", WAYS)
def test_xarray(way, named):
    xr = pytest.importorskip("xarray")
    y = WAYS[way](xr, named)
    assert isinstance(y.data, cubed.Array)
    assert (y.dims, y.name, y.chunks) == (named.dims, "heat", named.chunks)
    assert_same_bits(y.values, train(-np.ones((6, 8), np.float32)), way)


def test_what_calls_for_each_block_repeats_the_slopes_of_the_first(named):
    """For every block is then an array of its own: documented, for it looks right and is not."""
    xr = pytest.importorskip("xarray")
    y = xr.apply_ufunc(train, named, dask="parallelized", output_dtypes=[named.dtype])
    assert_same_bits(y.values[2:4, 4:], train(-np.ones((2, 4), np.float32)), "parallelized")
    y = xr.apply_ufunc(rrelu, named, dask="parallelized", output_dtypes=[named.dtype])
    assert_same_bits(y.values, rrelu(named.values), "evaluation")


def test_an_array_of_names_is_refused_by_itself(named):
    with pytest.raises(TypeError, match=r"^expected an array, got a DataArray of xarray: pass x\.data, or use apply_ufunc\("):
        train(named)

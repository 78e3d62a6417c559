"""Dask's arrays: what a graph looks like before anything is computed, and that every chunk has the bits of NumPy's array in one piece.

``DASK_ARRAY__QUERY_PLANNING=True`` runs all of it on arrays that Dask plans as expressions, which lack some of what others have.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from functools import partial

import pytest

import multirrelu
from multirrelu import Slopes, draw_slopes, rrelu, rrelu_vjp

np = pytest.importorskip("numpy")
dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

from cases import DTYPES, assert_same_bits, dtype_of  # noqa: E402

KEY = 0x123456789ABCDEF0
SHAPE = (13, 17, 5)
CHUNKS = {
    "one": SHAPE,
    "rows": (1, 17, 5),
    "columns": (13, 4, 5),
    "uneven": ((2, 11), (5, 5, 7), (4, 1)),
    "empty": ((0, 13), (17,), (2, 0, 3)),
    "elements": (4, 1, 1),
}
BOUNDS = {"positive": (1 / 8, 1 / 3), "across zero": (-0.5, 0.25)}
train = partial(rrelu, training=True, rng=KEY)
PLANNED = bool(dask.config.get("array.query-planning", None))


def lacking(what):
    """Skip what Dask's query planning lacks."""
    return pytest.mark.skipif(PLANNED, reason=f"with query planning Dask has no {what}")


def numbers(shape=SHAPE, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype_of(dtype))


def refuse(*args, **kwargs):
    raise AssertionError("something was computed")


@pytest.fixture(params=DTYPES)
def dtype(request):
    if request.param == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return request.param


@pytest.fixture
def lazily():
    """Nothing may be computed while this is in force."""
    with dask.config.set(scheduler=refuse):
        yield


def check(actual, expected):
    """Fail unless a Dask array has NumPy's bits, and said so beforehand."""
    assert isinstance(actual, da.Array)
    assert (actual.shape, actual.dtype, actual._meta.dtype) == (expected.shape, expected.dtype, expected.dtype)
    assert_same_bits(np.asarray(actual.compute(scheduler="sync")), np.asarray(expected), actual.name)


def test_backend_is_registered():
    assert multirrelu.backend_for(da.ones(1)).scale.__module__ == "multirrelu_backends.dask"


def test_backend_that_is_imported_before_the_package():
    code = "import dask.array as xp, multirrelu_backends.dask as own, multirrelu as m; assert m.backend_for(xp.ones(1)) is own.backend"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_dask_without_its_arrays_is_left_alone():
    code = "import dask, multirrelu, sys; sys.exit('dask.array' in sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_describe():
    from multirrelu_backends.dask import describe

    assert describe() == "one task a chunk, by the backend of the chunk's own library, in one thread"


@lacking("truth of an array, https://github.com/dask/dask/issues/11922")
def test_report():
    from multirrelu.cli import report

    row = report.row("dask.array")
    assert (row.path, row.answers, row.version) == ("multirrelu_backends.dask", report.HOLD, dask.__version__)
    assert row.why.startswith("one task a chunk")


# Bits


@pytest.mark.parametrize("chunks", CHUNKS)
def test_every_chunk_has_the_bits_of_the_whole(chunks, dtype):
    h, g = numbers(dtype=dtype), numbers(dtype=dtype, seed=1)
    x = da.from_array(h, chunks=CHUNKS[chunks])
    y, pullback = rrelu_vjp(x, training=True, rng=KEY)
    check(y, train(h))
    check(pullback(da.from_array(g, chunks=CHUNKS[chunks])), rrelu_vjp(h, training=True, rng=KEY)[1](g))
    check(draw_slopes(x, rng=KEY), draw_slopes(h, rng=KEY))
    check(rrelu(x), rrelu(h))


@pytest.mark.parametrize("shared", [0, 1, (0, 2), (0, 1, 2), ()], ids=str)
def test_shared_axes(shared):
    h = numbers()
    x = da.from_array(h, chunks=CHUNKS["uneven"])
    check(train(x, shared_axes=shared), train(h, shared_axes=shared))
    check(draw_slopes(x, rng=KEY, shared_axes=shared), draw_slopes(h, rng=KEY, shared_axes=shared))


@pytest.mark.parametrize("strides", [(1, 13, 221), (-1, 0, 2**40 + 1), (2**63, 3, 2**62)], ids=str)
def test_strides_and_offsets(strides):
    h, slopes = numbers(), Slopes(0.1, 0.3, KEY, offset=2**64 - 3, strides=strides)
    x = da.from_array(h, chunks=CHUNKS["uneven"])
    check(multirrelu.scale(x, x, slopes), multirrelu.scale(h, h, slopes))


@pytest.mark.parametrize("bounds", BOUNDS)
def test_a_gate_of_other_chunks(bounds):
    """They are cut alike, as Dask does for a sum."""
    h, g = numbers(), numbers(seed=1)
    x = da.from_array(h, chunks=CHUNKS["rows"])
    result = rrelu_vjp(x, *BOUNDS[bounds], training=True, rng=KEY)[1](da.from_array(g, chunks=CHUNKS["uneven"]))
    check(result, rrelu_vjp(h, *BOUNDS[bounds], training=True, rng=KEY)[1](g))
    assert result.chunks == (x + da.from_array(g, chunks=CHUNKS["uneven"])).chunks


@pytest.mark.parametrize("chunks", CHUNKS)
def test_rechunk_before_or_after(chunks):
    h = numbers()
    x = da.from_array(h, chunks=CHUNKS["uneven"])
    check(train(x.rechunk(CHUNKS[chunks])), train(h))
    check(train(x).rechunk(CHUNKS[chunks]), train(h))


def test_a_part_of_the_result_has_the_slopes_of_the_whole():
    h = numbers()
    check(train(da.from_array(h, chunks=CHUNKS["uneven"]))[5:, ::2], train(h)[5:, ::2])


REARRANGED = {
    "turned before": lambda x, f: f(x.T),
    "turned after": lambda x, f: f(x).T * 1,
    "scaled twice": lambda x, f: f(2 * f(x)),
    "a row added": lambda x, f: f(x[0, :, 0]) + f(x[:, 0]).sum(axis=1)[:, None],
    "a chunk taken": lambda x, f: f(x)[2:, 10:, 4:],
}


@pytest.mark.parametrize("how", REARRANGED)
def test_fused_with_what_rearranges_axes(how):
    h = np.trunc(8 * numbers(dtype="float64"))  # whose sums are exact
    f = partial(train, lower=0.25, upper=0.25 + 2**-10)
    check(REARRANGED[how](da.from_array(h, chunks=CHUNKS["uneven"]), f), REARRANGED[how](h, f))


@lacking("clones")
def test_a_graph_that_was_cloned():
    from dask.graph_manipulation import clone

    check(clone(train(da.from_array(numbers(), chunks=CHUNKS["uneven"]))), train(numbers()))


PER_CHUNK = {
    "map_blocks": lambda x: x.map_blocks(train),
    "map_overlap": lambda x: x.map_overlap(train, depth=1, boundary="reflect"),
}


@pytest.mark.parametrize("way", PER_CHUNK)
def test_what_calls_for_each_chunk_repeats_the_slopes_of_the_first(way):
    """For every chunk is then an array of its own: documented, for it looks right and is not."""
    h = -np.ones((6, 8), np.float32)
    y = PER_CHUNK[way](da.from_array(h, chunks=(2, 4))).compute(scheduler="sync")
    assert not np.array_equal(y, train(h))
    for rows in (slice(0, 2), slice(2, 4), slice(4, 6)):
        for columns in (slice(0, 4), slice(4, 8)):
            assert_same_bits(y[rows, columns], y[:2, :4], (rows, columns))


def test_beyond_32_bits_of_index():
    """No memory is taken for what is not asked for."""
    x = -da.ones((2**40 + 7,), chunks=((2**40, 7),), dtype="float32")
    h = -np.ones(7, np.float32)
    check(train(x)[-7:], multirrelu.scale(h, h, Slopes(1 / 8, 1 / 3, KEY, offset=2**40)))


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0), (2,) * 9], ids=str)
def test_no_axes_no_elements_and_many_axes(shape):
    h = -np.ones(shape, np.float32)
    check(train(da.from_array(h, chunks=1)), train(h))


def test_what_a_reduction_leaves():
    """Its chunk is a NumPy scalar, not an array."""
    check(train(-da.ones((4, 4), chunks=2).sum()), train(np.asarray(-16.0)))


def test_byte_order_goes_with_the_chunks():
    h = numbers().astype(">f4")
    check(train(da.from_array(h, chunks=CHUNKS["uneven"])), train(h))


@lacking("masks")
def test_masks_go_with_the_chunks():
    masked = train(da.ma.masked_greater(da.from_array(numbers(), chunks=CHUNKS["uneven"]), 0.5))
    assert isinstance(masked._meta, np.ma.MaskedArray)
    result = masked.compute(scheduler="sync")
    assert np.array_equal(result.mask, numbers() > 0.5)
    assert np.array_equal(result.data[~result.mask], train(numbers())[~result.mask])


def test_a_chunk_is_scaled_in_one_thread(monkeypatch):
    from multirrelu_backends import numpy, threads

    used = []
    monkeypatch.setattr(numpy._kernel, "run", lambda *_: used.append(threads.get_num_threads()))
    monkeypatch.setattr(numpy._blocks, "write", lambda *_: None)
    train(da.from_array(numbers(), chunks=CHUNKS["columns"])).compute(scheduler="threads")
    assert used == [1] * 5


def test_threads():
    h = numbers((64, 999))
    assert_same_bits(train(da.from_array(h, chunks=(5, 100))).compute(scheduler="threads"), train(h), "threads")


# Graphs


@pytest.mark.usefixtures("lazily")
def test_nothing_is_computed():
    x = da.map_blocks(refuse, chunks=CHUNKS["uneven"], dtype="float16", meta=np.empty((0, 0, 0), "float16"))
    y, pullback = rrelu_vjp(x, training=True)
    for result in (y, pullback(x), rrelu(x), draw_slopes(x, rng=1), train(x, shared_axes=1)):
        assert result.shape == SHAPE
        assert result.chunks == x.chunks
        assert type(result._meta) is np.ndarray


def test_slopes_need_no_chunk_of_their_array():
    like = da.map_blocks(refuse, chunks=CHUNKS["uneven"], dtype="float32", meta=np.empty((0, 0, 0), "float32"))
    assert_same_bits(draw_slopes(like, rng=KEY).compute(), draw_slopes(np.empty(SHAPE, np.float32), rng=KEY), "slopes")


def tasks(array, name):
    return {key: task for key, task in dict(array.dask).items() if key[0] == name}


def test_one_task_a_chunk_that_needs_this_chunk_alone():
    x = da.from_array(numbers(), chunks=CHUNKS["uneven"])
    y = train(x)
    assert len(y.dask) == len(x.dask) + math.prod(x.numblocks)
    assert {key[1:]: task.dependencies for key, task in tasks(y, y.name).items()} == {
        at: {(x.name, *at)} for at in np.ndindex(*x.numblocks)
    }


def test_a_pullback_needs_a_chunk_of_each():
    x, g = (da.from_array(numbers(seed=seed), chunks=CHUNKS["uneven"]) for seed in (0, 1))
    y, pullback = rrelu_vjp(x, training=True, rng=KEY)
    result = pullback(g)
    for key, task in tasks(result, result.name).items():
        assert task.dependencies == {(g.name, *key[1:]), (y.name, *key[1:])}


FUSED = {"training": train, "evaluation": rrelu, "slopes": partial(draw_slopes, rng=1), "between others": lambda x: train(2 * x) + 1}


@lacking("fusion of tasks")
@pytest.mark.parametrize("function", FUSED)
def test_dask_fuses_it_with_its_neighbours(function):
    x = da.ones(SHAPE, chunks=CHUNKS["uneven"], dtype="float32")
    (optimized,) = dask.optimize(FUSED[function](x - 2))
    assert len(optimized.dask) == math.prod(x.numblocks)


@lacking("layers")
def test_the_graph_is_small():
    """A few bytes a chunk until it is written out; then, in each task, what names the function, and a `Slopes`."""
    x = da.zeros((10_000, 1_000), chunks=(10, 1_000), dtype="float32")
    layer = (y := train(x)).dask.layers[y.name]
    assert not layer.is_materialized()
    assert len(pickle.dumps(layer)) < 10 * x.npartitions
    assert max(len(pickle.dumps(task)) for task in layer.values()) < 500


def test_names():
    x = da.from_array(numbers(), chunks=CHUNKS["uneven"])
    assert train(x).name.startswith("rrelu-")
    assert train(x).name == train(x).name
    assert train(pickle.loads(pickle.dumps(x))).name == train(x).name
    calls = [train(x), rrelu(x), rrelu(x, 0.1, 0.2), train(x, rng=1), train(x, shared_axes=0), train(x.T), train(x, 0.1, 0.3)]
    assert len({call.name for call in calls}) == len(calls)


def test_names_are_the_same_in_another_process():
    code = "import dask.array as da, multirrelu; print(multirrelu.rrelu(da.ones((4, 6), chunks=3), training=True, rng=5).name)"
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert printed.stdout.strip() == rrelu(da.ones((4, 6), chunks=3), training=True, rng=5).name


def test_progress_bar(capsys):
    from dask.diagnostics import ProgressBar

    with ProgressBar():
        train(da.from_array(numbers(), chunks=CHUNKS["uneven"])).compute(scheduler="sync")
    assert "100% Completed" in capsys.readouterr().out


# Keys


@pytest.mark.usefixtures("lazily")
def test_one_key_is_drawn_when_the_graph_is_made():
    x, rng, twin = da.ones(SHAPE, chunks=CHUNKS["uneven"]) - 2, np.random.default_rng(3), np.random.default_rng(3)
    y = rrelu(x, training=True, rng=rng)
    assert y.name == rrelu(x, training=True, rng=int(twin.integers(0, 1 << 64, dtype=np.uint64))).name
    assert rng.bit_generator.state == twin.bit_generator.state


def test_no_rng_is_a_key_of_the_graph():
    """What is computed again has the same bits; what is called again has not."""
    x = da.ones(SHAPE, chunks=CHUNKS["uneven"]) - 2
    y = rrelu(x, training=True)
    assert_same_bits(y.compute(scheduler="sync"), y.compute(scheduler="sync"), "again")
    assert not (y == rrelu(x, training=True)).any().compute(scheduler="sync")


KEYS = {
    "NumPy's": lambda: np.asarray(-5),
    "of one chunk": lambda: da.from_array(np.asarray(-5)),
    "unsigned": lambda: da.from_array(np.asarray(2**64 - 5, np.uint64)),
    "of a reduction": lambda: da.from_array(np.asarray([-2, -3]), chunks=1).sum(),
}


@pytest.mark.parametrize("key", KEYS)
def test_keys_that_are_arrays(key):
    h = numbers()
    x = da.from_array(h, chunks=CHUNKS["uneven"])
    with dask.config.set(scheduler=refuse):
        y = multirrelu.scale(x, x, Slopes(0.1, 0.3, KEYS[key]()))
    check(y, multirrelu.scale(h, h, Slopes(0.1, 0.3, 2**64 - 5)))


# Refusals


def unknown():
    if PLANNED:
        pytest.skip("with query planning Dask has no boolean indices")
    x = da.from_array(-np.ones((10, 3), np.float32), chunks=(4, 3))
    return x[x[:, 0] < 0]


@pytest.mark.usefixtures("lazily")
@pytest.mark.parametrize(
    "function", [rrelu, rrelu_vjp, lambda x, training, rng: draw_slopes(x, rng=rng)], ids=["rrelu", "rrelu_vjp", "draw_slopes"]
)
def test_unknown_sizes(function):
    rng = np.random.default_rng(1)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=r"Dask array of shape \(nan, 3\) have sizes that are not known, .* compute_chunk_sizes\(\) first"):
        function(unknown(), training=True, rng=rng)
    assert rng.bit_generator.state == before


def test_unknown_sizes_of_scale():
    x = unknown()
    with pytest.raises(ValueError, match=r"shape \(nan, 3\) have sizes that are not known"):
        multirrelu.scale(x, x, Slopes(0.1, 0.3, 1))


def test_unknown_sizes_that_do_not_matter():
    """A constant slope needs no places; and what has been counted has places."""
    h = -np.ones((10, 3), np.float32)
    assert_same_bits(rrelu(unknown()).compute(scheduler="sync"), rrelu(h), "evaluation")
    x = unknown()
    assert_same_bits(multirrelu.scale(x, x, 0.2).compute(scheduler="sync"), multirrelu.scale(h, h, 0.2), "a constant slope")
    check(train(unknown().compute_chunk_sizes()), train(h))


def test_unknown_sizes_are_refused_in_training_whatever_the_bounds():
    """They are looked at before the bounds are, which may leave nothing to draw."""
    for call in (lambda x: rrelu(x, 0.2, 0.2, training=True, rng=1), lambda x: draw_slopes(x, 0.2, 0.2, rng=1)):
        with pytest.raises(ValueError, match=r"shape \(nan, 3\) have sizes that are not known"):
            call(unknown())


def test_a_pullback_of_unknown_sizes():
    """Evaluation needs no places; whether chunks fit is seen where it can be: their number at once, their sizes when they are there."""
    x, h = unknown(), -np.ones((10, 3), np.float32)
    pullback = rrelu_vjp(x)[1]
    assert_same_bits(pullback(da.ones_like(x)).compute(scheduler="sync"), rrelu_vjp(h)[1](np.ones_like(h)), "pullback")
    with pytest.raises(ValueError, match=r"^the cotangent has shape \(10, 3\), but y has shape \(nan, 3\)"):
        pullback(da.ones((10, 3), chunks=(4, 3), dtype="float32"))
    with pytest.raises(ValueError, match=r"^the cotangent has shape \(nan, 2\), but y has shape \(nan, 3\)"):
        pullback(x[:, :2])
    one = da.ones((4, 3), chunks=4, dtype="float32")
    for other, blocks in (da.concatenate([x, x]), 6), (one[one[:, 0] > 0], 1):
        with pytest.raises(ValueError, match=rf"cut into \({blocks}, 1\) and \(3, 1\) chunks of sizes that are not known"):
            pullback(other)
    shorter = pullback(da.ones_like(x)[x[:, 0] < -1])
    with pytest.raises(ValueError, match=r"^gate has shape \(\d, 3\), but values has shape \(0, 3\)"):
        shorter.compute(scheduler="sync")


@pytest.mark.usefixtures("lazily")
def test_nothing_is_written_to():
    x = da.ones(SHAPE, chunks=CHUNKS["uneven"])
    with pytest.raises(TypeError, match=r"^x is immutable: an Array of dask of shape \(13, 17, 5\) and dtype float64 cannot be written to"):
        rrelu(x, inplace=True)
    with pytest.raises(TypeError, match=r"^out is immutable: an Array of dask of shape \(13, 17, 5\) and dtype float64 cannot"):
        rrelu(x, out=x + 1)
    with pytest.raises(TypeError, match=r"^out is immutable"):
        rrelu_vjp(x)[1](x, out=x)


def test_a_chunk_that_is_not_what_the_array_says():
    x = da.ones(8, chunks=4, dtype="float32").map_blocks(lambda block: block.astype("int32"), meta=np.empty(0, "float32"))
    with pytest.raises(TypeError, match=r"values must have one of the dtypes .*, got int32"):
        train(x).compute(scheduler="sync")

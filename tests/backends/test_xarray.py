"""xarray's named arrays of Dask: which ways of applying a function tell it where its chunk lies, and which do not."""

from __future__ import annotations

from functools import partial

import pytest

from multirrelu import rrelu

np = pytest.importorskip("numpy")
xr = pytest.importorskip("xarray")
da = pytest.importorskip("dask.array")

from cases import assert_same_bits  # noqa: E402

H = -np.ones((6, 8), np.float32)
OPTIONS = {"training": True, "rng": 42}
train = partial(rrelu, **OPTIONS)


@pytest.fixture
def named():
    """An array of names, cut along both of its axes."""
    return xr.DataArray(H, dims=("time", "x"), coords={"time": range(6)}, name="heat", attrs={"units": "K"}).chunk(time=2, x=4)


def test_without_chunks(named):
    assert_same_bits(xr.apply_ufunc(rrelu, named.compute(), kwargs=OPTIONS).values, train(H), "NumPy's")


def test_allowed_has_the_bits_of_the_whole(named):
    y = xr.apply_ufunc(rrelu, named, kwargs=OPTIONS, dask="allowed", keep_attrs=True)
    assert isinstance(y.data, da.Array)
    assert (y.dims, y.name, y.attrs, y.chunks, y.dtype) == (named.dims, "heat", {"units": "K"}, named.chunks, H.dtype)
    assert_same_bits(y.values, train(H), "allowed")


def test_data_has_the_bits_of_the_whole(named):
    assert_same_bits(named.copy(data=train(named.data)).values, train(H), "its data")


def test_shared_axes_by_name(named):
    options = {**OPTIONS, "shared_axes": named.get_axis_num("time")}
    assert_same_bits(xr.apply_ufunc(rrelu, named, kwargs=options, dask="allowed").values, train(H, shared_axes=0), "shared over time")


def test_datasets(named):
    """Each variable in the order of its own axes, under the same key."""
    y = xr.apply_ufunc(rrelu, xr.Dataset({"heat": named, "turned": named.T}), kwargs=OPTIONS, dask="allowed")
    assert_same_bits(y.heat.values, train(H), "heat")
    assert_same_bits(y.turned.values, train(H.T), "turned")


PER_CHUNK = {
    "parallelized": lambda x: xr.apply_ufunc(rrelu, x, kwargs=OPTIONS, dask="parallelized", output_dtypes=[x.dtype]),
    "map_blocks": lambda x: xr.map_blocks(lambda chunk: chunk.copy(data=train(chunk.values)), x, template=x),
}


@pytest.mark.parametrize("way", PER_CHUNK)
def test_what_calls_for_each_chunk_repeats_the_slopes_of_the_first(way, named):
    """For every chunk is then an array of its own: documented, for it looks right and is not."""
    y = PER_CHUNK[way](named).values
    assert not np.array_equal(y, train(H))
    for rows in (slice(0, 2), slice(2, 4), slice(4, 6)):
        for columns in (slice(0, 4), slice(4, 8)):
            assert_same_bits(y[rows, columns], train(H[:2, :4]), (rows, columns))


def test_in_evaluation_all_ways_are_right(named):
    assert_same_bits(xr.apply_ufunc(rrelu, named, dask="parallelized", output_dtypes=[H.dtype]).values, rrelu(H), "parallelized")


def test_an_array_of_names_is_refused_by_itself(named):
    with pytest.raises(TypeError, match=r"^expected an array, got a DataArray of xarray: pass x\.data, or use apply_ufunc\("):
        train(named)

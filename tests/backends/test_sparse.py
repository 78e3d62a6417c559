"""PyData's sparse arrays: the bits of the dense array at the places that are stored, alone and as chunks of Dask."""

from __future__ import annotations

import pytest

from multirrelu import RReLU, Slopes, backend_for, draw_slopes, register, rrelu, rrelu_vjp, scale, scale_at
from multirrelu.cli import report

np = pytest.importorskip("numpy")
sp = pytest.importorskip("scipy.sparse")
sparse = pytest.importorskip("sparse")

TRAINING = {"training": True, "rng": 2**63 + 9}
FORMATS = ["coo", "gcxs", "dok", "csr", "csc"]


def dense(shape=(6, 9), dtype="float32", seed=0, density=0.4):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < density, rng.standard_normal(shape), 0).astype(dtype)  # -0.0 would be stored


def made(x, name):
    return sparse.COO.from_numpy(x, fill_value=0).asformat(name)


def equal(array, host):
    """Compare what is stored, and the zeros between, with a dense array, up to the sign of a zero that is not stored."""
    assert (array.dtype, array.fill_value) == (host.dtype, 0)
    assert type(array.fill_value) is host.dtype.type
    assert np.array_equal(array.todense(), host)


@pytest.mark.parametrize("arguments", [TRAINING, {**TRAINING, "shared_axes": 0}, {"lower": -0.5, **TRAINING}, {}], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", FORMATS)
def test_equals_the_dense_array(name, dtype, arguments):
    if dtype == "float16" and name not in ("coo", "dok"):
        pytest.skip("sparse has float16 in COO and DOK alone")
    x = dense(dtype=dtype)
    given = made(x, name)
    y = rrelu(given, **arguments)
    assert (type(y), y.shape, y.nnz) == (type(given), given.shape, given.nnz)
    equal(y, rrelu(x, **arguments))
    equal(given, x)


@pytest.mark.parametrize("shape", [(), (7,), (0,), (0, 3), (2, 3, 4), (2, 1, 3, 2)], ids=str)
@pytest.mark.parametrize("name", ["coo", "gcxs", "dok"])
def test_any_number_of_axes(name, shape):
    if name == "dok" and shape == ():
        pytest.skip("sparse has no DOK without axes")
    x = dense(shape, density=0.8)
    given = made(x, name)
    y, pullback = rrelu_vjp(given, **TRAINING)
    assert type(y) is type(given)
    equal(y, rrelu(x, **TRAINING))
    equal(pullback(given), rrelu_vjp(x, **TRAINING)[1](x))
    equal(scale(given, made(np.zeros_like(x), "coo"), 0.25), scale(x, np.zeros_like(x), 0.25))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)])
def test_compressed_axes(axes):
    x = dense((4, 5, 6))
    given = sparse.GCXS.from_numpy(x, compressed_axes=axes)
    y = rrelu(given, **TRAINING)
    assert tuple(y.compressed_axes) == axes
    equal(y, rrelu(x, **TRAINING))
    other = sparse.GCXS.from_numpy(x, compressed_axes=(1,))
    equal(scale(given, other, Slopes(-0.5, 0.5, 7)), scale(x, x, Slopes(-0.5, 0.5, 7)))


@pytest.mark.parametrize("name", ["coo", "csr"])
def test_a_gate_that_stores_as_much_elsewhere(name):
    v, g = (np.diag([-1.0, 2.0, -3.0], k) for k in (1, -1))
    equal(scale(made(v, name), made(g, name), Slopes(0.1, 0.3, 7)), scale(v, g, Slopes(0.1, 0.3, 7)))


def test_a_gate_whose_other_axis_is_compressed():
    """Rows and columns are then told by the same indices."""
    x = np.triu(dense((6, 6), density=1))
    v, g = sparse.GCXS.from_numpy(x, compressed_axes=(0,)), sparse.GCXS.from_numpy(x.T, compressed_axes=(1,))
    assert np.array_equal(v.indices, g.indices)
    equal(scale(v, g, Slopes(0.1, 0.3, 7)), scale(x, np.ascontiguousarray(x.T), Slopes(0.1, 0.3, 7)))


def test_explicit_zeros_stay():
    x = sparse.COO([[0, 1, 2], [1, 2, 3]], np.array([0.0, -0.0, -1.0]), shape=(3, 4))
    for given in (x, x.asformat("gcxs")):
        y = rrelu(given, **TRAINING)
        assert y.nnz == given.nnz == 3
        equal(y, rrelu(x.todense(), **TRAINING))


def test_duplicates_are_one_element():
    x = sparse.COO([[1, 0, 1], [2, 1, 2]], np.array([-3.0, -1.0, 1.0]), shape=(2, 4))
    assert x.nnz == 2
    equal(rrelu(x, **TRAINING), rrelu(np.array([[0, -1.0, 0, 0], [0, 0, -2, 0]]), **TRAINING))


@pytest.mark.parametrize("indices", [[2, 0, 2, 1, 3], [2, 3, 2, 3, 1], [1, 3, 0, 2, 3]], ids=["twice", "not in order", "in order"])
def test_compressed_duplicates_are_one_element(indices):
    data = np.array([-3.0, -1.0, 1.0, -2.0, 4.0])
    for ends, shape, axes in (([0, 0, 3, 5, 5], (4, 4), (0,)), ([0, 5], (4,), None)):
        x = sparse.GCXS((data, np.array(indices), np.array(ends)), shape=shape, compressed_axes=axes)
        whole = np.zeros(shape)
        np.add.at(whole, (*([np.repeat(np.arange(4), np.diff(ends))] if axes else []), np.array(indices)), data)
        y = rrelu(x, **TRAINING)
        assert type(y) is sparse.GCXS
        equal(y, rrelu(whole, **TRAINING))
        equal(scale(made(np.ones(shape), "coo"), x, 0.25), scale(np.ones(shape), whole, 0.25))


def test_no_sorting_of_what_stores_each_element_once(monkeypatch):
    x = dense((9, 4))
    x[[0, 4, 8]] = 0  # rows of which nothing is stored, the first and the last among them
    given = made(x, "gcxs")
    monkeypatch.setattr(sparse.GCXS, "tocoo", None)
    y = rrelu(given, **TRAINING)
    monkeypatch.undo()
    equal(y, rrelu(x, **TRAINING))


@pytest.mark.parametrize("gate", FORMATS)
@pytest.mark.parametrize("values", FORMATS)
def test_values_and_gate_of_two_patterns(values, gate):
    """What the gate does not store is zero, and closed."""
    v, g = dense(seed=1), dense(seed=2)
    given = made(v, values)
    for slopes in (Slopes(-0.5, 0.5, 7, offset=2**64 - 9), Slopes(0.1, 0.3, 7, strides=(5, -(2**62))), 0.25):
        y = scale(given, made(g, gate), slopes)
        assert (type(y), y.nnz) == (type(given), given.nnz)
        equal(y, scale(v, g, slopes))


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.5, 0.5)])
@pytest.mark.parametrize("name", FORMATS)
def test_pullback(name, bounds):
    x, g = dense(), dense(seed=3)
    _, pullback = rrelu_vjp(made(x, name), *bounds, **TRAINING)
    equal(pullback(made(g, "coo")), rrelu_vjp(x, *bounds, **TRAINING)[1](g))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMATS)
def test_slopes_of_what_is_stored(name, dtype):
    x = dense(dtype=dtype)
    for bounds in ((0.1, 0.3), (0.2, 0.2)):
        slopes = draw_slopes(made(x, name), *bounds, rng=7)
        assert type(slopes) is type(made(x, name))
        equal(slopes, np.where(x != 0, draw_slopes(x, *bounds, rng=7), np.zeros(1, dtype)))


def test_slopes_of_halves_are_exact():
    x = dense(dtype="float16")
    for name in ("coo", "dok"):
        equal(draw_slopes(made(x, name), rng=7), np.where(x != 0, draw_slopes(x, rng=7), np.float32(0)))


@pytest.mark.parametrize("name", ["coo", "gcxs", "dok"])
def test_nothing_is_made_dense(name):
    places = np.array([[0, 5, 999_999], [3, 999_999, 999_999]])
    x = sparse.COO(places, np.array([-1.0, -2.0, 3.0]), shape=(10**6, 10**6))
    y, pullback = rrelu_vjp(x.asformat(name), **TRAINING)
    slopes = scale_at(np.ones(3), -np.ones(3), places[0] * 10**6 + places[1], Slopes(1 / 8, 1 / 3, TRAINING["rng"]))
    for result in (y, pullback(x.asformat(name))):
        stored = result.asformat("coo")
        assert np.array_equal(stored.coords, places)
        assert stored.data.tolist() == (x.data * np.where(x.data <= 0, slopes, 1)).tolist()


def test_more_elements_than_are_scaled_at_a_time():
    x = dense((1000, 600), density=0.6)
    for name in ("coo", "gcxs"):
        equal(rrelu(made(x, name), **TRAINING), rrelu(x, **TRAINING))


def test_a_generator_gives_the_key():
    x = dense()
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    equal(rrelu(made(x, "coo"), training=True, rng=one), rrelu(x, training=True, rng=other))
    assert one.bit_generator.state == other.bit_generator.state
    equal(RReLU(rng=7)(made(x, "coo")), RReLU(rng=7)(x))


@pytest.mark.parametrize("name", ["coo", "gcxs", "dok"])
@pytest.mark.parametrize("fill", [1.5, np.nan])
def test_fill_values_are_refused(fill, name):
    x, rng = sparse.full((2, 3), fill, format="coo").asformat(name), np.random.default_rng(5)
    zero, before = sparse.zeros((2, 3)), rng.bit_generator.state
    match = rf"^a sparse array must have the fill value zero, which RReLU keeps, got {fill}: pass x\.todense\(\)$"
    for call in (
        lambda: rrelu(x, training=True, rng=rng),
        lambda: rrelu(x),
        lambda: draw_slopes(x, rng=rng),
        lambda: scale(x, zero, 0.5),
        lambda: scale(zero, x, 0.5),
        lambda: rrelu_vjp(zero)[1](x),
    ):
        with pytest.raises(ValueError, match=match):
            call()
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("name", ["coo", "gcxs", "dok"])
def test_results_have_no_place_of_ones_own(name):
    x = made(dense(), name)
    for arguments in ({"inplace": True}, {"out": made(dense(), name)}):
        with pytest.raises(TypeError, match=r"^(x|out) is immutable: a (COO|GCXS|DOK) of sparse of shape .* cannot be written to$"):
            rrelu(x, **arguments)


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=rf"^x must have one of the dtypes .*, got {dtype}"):
        rrelu(made(dense(dtype=dtype), "coo"))


def test_other_formats_are_refused():
    class Other(sparse.SparseArray):
        dtype = np.dtype("float32")
        __init__ = __abstractmethods__ = None

    Other.__abstractmethods__ = frozenset()
    x = object.__new__(Other)
    x.shape = (3,)
    with pytest.raises(TypeError, match=r"^expected an array, got an? Other"):
        rrelu(x)


def test_indices_are_of_dense_arrays():
    x = made(dense(), "coo")
    with pytest.raises(TypeError, match=r"^indices are those of dense arrays, got sparse ones: pass the data of what is stored$"):
        scale_at(x, x, x.astype("int64"), 0.5)


def test_the_path_is_described():
    backend = backend_for(made(dense(), "coo"))
    assert backend.scale.__module__ == "multirrelu_backends.sparse"
    assert backend.describe().startswith("what is stored, by ")
    row = report.row("sparse")
    assert (row.path, row.why, row.answers) == (backend.scale.__module__, backend.describe(), report.HOLD)
    assert row.detail.replace("bfloat16, ", "") == "float16, float32, float64"  # NumPy has bfloat16 where ml_dtypes was imported


def test_the_report_finds_a_wrong_answer(registry):
    register("sparse", lambda values, gate, slopes, /, *, out=None: values)
    assert report.row("sparse").answers == report.WRONG


def key(value, name="coo"):
    return sparse.COO.from_numpy(np.array(value)).asformat(name)


@pytest.mark.parametrize("name", ["coo", "gcxs"])
@pytest.mark.parametrize("value", [5, 0, -1, np.uint64(2**64 - 1)], ids=str)
def test_a_key_without_axes(value, name):
    x = dense()
    for given in (x, made(x, "coo")):
        y = rrelu(given, training=True, rng=key(value, name))
        assert np.array_equal(y if given is x else y.todense(), rrelu(x, training=True, rng=int(value) % 2**64))


@pytest.mark.parametrize(
    "rng", [key(1.5), key([7]), key([[1, 2]]), key([1, 2], "gcxs"), key([1, 2], "dok")], ids=lambda rng: str(rng.shape)
)
def test_what_is_no_key(rng):
    """All of them have __index__, by which sparse makes 1 of 1.5."""
    with pytest.raises(TypeError, match=r"^rng must be an int in \[0, 2\*\*64\), a 0-d integer array, .*; got a \w+ of sparse of shape"):
        rrelu(dense(), training=True, rng=rng)


# Chunks of Dask


CHUNKS = {
    "COO": sparse.COO.from_numpy,
    "GCXS": sparse.GCXS.from_numpy,
    "DOK": sparse.DOK.from_numpy,
    "csr_array": sp.csr_array,
    "csr_matrix": sp.csr_matrix,
}


def whole(chunked):
    result = chunked.compute()
    return result.toarray() if hasattr(result, "toarray") else result.todense()


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_have_the_bits_of_the_whole(name):
    da = pytest.importorskip("dask.array")
    x, g = dense((60, 50)), dense((60, 50), seed=1)
    chunked, cotangent = (da.from_array(a, chunks=((17, 43), (33, 17))).map_blocks(CHUNKS[name]) for a in (x, g))
    y, pullback = rrelu_vjp(chunked, -0.2, 0.3, **TRAINING)
    assert type(y._meta) is type(chunked._meta)
    assert type(y[:17, 33:].compute()) is type(chunked[:17, 33:].compute())
    assert np.array_equal(whole(y), rrelu(x, -0.2, 0.3, **TRAINING))
    assert np.array_equal(whole(pullback(cotangent)), rrelu_vjp(x, -0.2, 0.3, **TRAINING)[1](g))
    for bounds in ((0.1, 0.3), (0.25, 0.25)):
        slopes = draw_slopes(chunked, *bounds, rng=7)
        assert type(slopes[17:, 33:].compute()) is type(chunked[17:, 33:].compute())
        assert np.array_equal(whole(slopes), np.where(x != 0, draw_slopes(x, *bounds, rng=7), np.float32(0)))


@pytest.mark.parametrize("chunks", [None, {"row": 17, "column": 20}], ids=["whole", "chunks"])
def test_arrays_of_names(chunks):
    xr = pytest.importorskip("xarray")
    x = dense((60, 50))
    named = xr.DataArray(sparse.COO.from_numpy(x), dims=("row", "column"))
    y = xr.apply_ufunc(rrelu, named if chunks is None else named.chunk(chunks), kwargs=TRAINING, dask="allowed").compute()
    assert y.dims == named.dims
    equal(y.data, rrelu(x, **TRAINING))

"""SciPy's sparse arrays and matrices: the bits of the dense array at the places that are stored, in every format."""

from __future__ import annotations

from dataclasses import replace

import pytest

from multirrelu import RReLU, Slopes, backend_for, draw_slopes, register, rrelu, rrelu_vjp, scale, scale_at
from multirrelu.cli import report

np = pytest.importorskip("numpy")
sp = pytest.importorskip("scipy.sparse")
from multirrelu_backends import _kernel, _stored  # noqa: E402

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"]
KINDS = [getattr(sp, f"{name}_{kind}") for name in FORMATS for kind in ("array", "matrix")]
TRAINING = {"training": True, "rng": 2**63 + 9}


def dense(shape=(6, 9), dtype="float32", seed=0, density=0.4):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * (rng.random(shape) < density)).astype(dtype)


def equal(sparse, host):
    """Compare what is stored, and the zeros between, with a dense array, up to the sign of a zero that is not stored."""
    array = sparse.toarray()
    assert array.dtype == host.dtype
    assert np.array_equal(array, host)


@pytest.mark.parametrize("arguments", [TRAINING, {**TRAINING, "shared_axes": 0}, {"lower": -0.5, **TRAINING}, {}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_equals_the_dense_array(kind, dtype, arguments):
    x = dense(dtype=dtype)
    sparse = kind(x)
    before = sparse.copy()
    y = rrelu(sparse, **arguments)
    assert (type(y), y.format, y.dtype, y.shape, y.nnz) == (type(sparse), sparse.format, sparse.dtype, sparse.shape, sparse.nnz)
    equal(y, rrelu(x, **arguments))
    equal(sparse, before.toarray())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_result_shares_no_memory_with_its_argument(kind):
    x = dense()
    sparse = kind(x)
    y = rrelu(sparse, 0.0, 0.0)
    if hasattr(y, "eliminate_zeros"):
        y.eliminate_zeros()  # moves what is stored, within the arrays that say where
    if y.format in ("dok", "lil"):
        y[0, 0] = 7
    elif y.format == "dia":
        y.offsets[:] = 0
    equal(sparse, x)


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr", "dia", "lil"])
def test_explicit_zeros_stay(name):
    x = sp.csr_array((np.array([0.0, -0.0, -1.0]), ([0, 1, 2], [1, 2, 3])), shape=(3, 4))
    stored = sp.dia_array(([[0.0, -0.0, -1.0, 0.0]], [1]), shape=(3, 4)) if name == "dia" else x.asformat(name)
    y = rrelu(stored, **TRAINING)
    assert y.nnz == stored.nnz
    equal(y, rrelu(stored.toarray(), **TRAINING))


@pytest.mark.parametrize("shape", [(7,), (2, 3, 4), (2, 1, 3, 2), (0,), (0, 3)])
def test_any_number_of_axes(shape):
    x = dense(shape)
    y = rrelu(sp.coo_array(x), **TRAINING)
    assert type(y) is sp.coo_array
    equal(y, rrelu(x, **TRAINING))


@pytest.mark.parametrize("name", ["csr", "dok"])
def test_one_axis(name):
    x = dense((20,))
    sparse = sp.coo_array(x).asformat(name)
    y = rrelu(sparse, **TRAINING)
    assert (type(y), y.shape) == (type(sparse), (20,))
    equal(y, rrelu(x, **TRAINING))


def duplicated(name):
    data, rows, columns = np.array([-3.0, 1.0, -2.0, 5.0, 1.0]), np.array([1, 0, 1, 0, 1]), np.array([2, 1, 3, 0, 2])
    if name == "coo":
        return sp.coo_array((data, (rows, columns)), shape=(2, 4))
    if name == "bsr":
        return sp.bsr_array((np.arange(-8.0, 8).reshape(4, 2, 2), [1, 0, 1, 1], [0, 4]), shape=(2, 4))
    kind = getattr(sp, f"{name}_array")
    ends = [0, 3, 5] if name == "csr" else [0, 3, 5, 5, 5]
    return kind((data, np.array([1, 0, 1, 0, 0]), np.array(ends)), shape=(2, 4))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr"])
def test_duplicates_are_one_element(name):
    x = duplicated(name)
    stored = x.data.copy()
    y = rrelu(x, **TRAINING)
    equal(y, rrelu(x.toarray(), **TRAINING))
    assert y.format == name
    assert np.array_equal(x.data, stored)
    equal(scale(sp.csr_array(np.ones((2, 4))), x, Slopes(0.1, 0.3, 7)), scale(np.ones((2, 4)), x.toarray(), Slopes(0.1, 0.3, 7)))


@pytest.mark.parametrize("count", [3, 4, 5])
def test_duplicates_at_the_edge_of_a_block(count, monkeypatch):
    monkeypatch.setattr(_stored, "BLOCK", 4)
    places = np.append(np.arange(count), count - 1)
    x = sp.coo_array((-np.ones(count + 1), (places, places)), shape=(6, 6))
    y = rrelu(x, **TRAINING)
    assert y.nnz == count
    equal(y, rrelu(x.toarray(), **TRAINING))


def test_no_sorting_of_coo_in_c_order(monkeypatch):
    x = sp.coo_array(dense())
    given = sp.coo_array((x.data, x.coords), shape=x.shape)
    assert not given.has_canonical_format
    monkeypatch.setattr(sp.coo_array, "sum_duplicates", None)
    equal(rrelu(given, **TRAINING), rrelu(x.toarray(), **TRAINING))
    assert rrelu(given).has_canonical_format


@pytest.mark.parametrize("gate", FORMATS)
@pytest.mark.parametrize("values", FORMATS)
def test_values_and_gate_of_two_patterns(values, gate):
    """What the gate does not store is zero, and closed."""
    v, g = dense(seed=1), dense(seed=2)
    sparse = getattr(sp, f"{values}_array")(v)
    for slopes in (Slopes(-0.5, 0.5, 7, offset=2**64 - 9), Slopes(0.1, 0.3, 7, strides=(5, -(2**62))), 0.25):
        y = scale(sparse, getattr(sp, f"{gate}_matrix")(g), slopes)
        assert (type(y), y.nnz) == (type(sparse), sparse.nnz)
        equal(y, scale(v, g, slopes))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "bsr", "dia"])
def test_a_gate_that_stores_as_much_elsewhere(name):
    sparse = [sp.dia_array(([[-1.0, 2.0, -3.0, 4.0]], [k]), shape=(4, 4)).asformat(name) for k in (1, -1)]
    v, g = (x.toarray() for x in sparse)
    assert sparse[0].data.shape == sparse[1].data.shape
    equal(scale(*sparse, Slopes(0.1, 0.3, 7)), scale(v, g, Slopes(0.1, 0.3, 7)))
    equal(scale(sparse[0], -sparse[0], Slopes(0.1, 0.3, 7)), scale(v, -v, Slopes(0.1, 0.3, 7)))


@pytest.mark.parametrize("empty", ["values", "gate", "both"])
def test_nothing_is_stored(empty):
    v, g = (np.zeros((4, 5)) if empty in (name, "both") else dense((4, 5), "float64") for name in ("values", "gate"))
    for name in FORMATS:
        equal(scale(getattr(sp, f"{name}_array")(v), sp.csr_array(g), Slopes(0.1, 0.3, 7)), scale(v, g, Slopes(0.1, 0.3, 7)))


@pytest.mark.parametrize("bounds", [(0.1, 0.3), (-0.5, 0.5)])
@pytest.mark.parametrize("pattern", ["of the output", "of its own"])
@pytest.mark.parametrize("name", FORMATS)
def test_pullback(name, pattern, bounds):
    x = dense()
    y, pullback = rrelu_vjp(getattr(sp, f"{name}_array")(x), *bounds, **TRAINING)
    g = dense(seed=3) if pattern == "of its own" else np.where(x != 0, dense(seed=3, density=1), 0)
    cotangent = sp.csc_array(g) if pattern == "of its own" else getattr(sp, f"{name}_array")(g)
    equal(y, rrelu(x, *bounds, **TRAINING))
    equal(pullback(cotangent), rrelu_vjp(x, *bounds, **TRAINING)[1](g))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMATS)
def test_slopes_of_what_is_stored(name, dtype):
    x = dense(dtype=dtype)
    for bounds in ((0.1, 0.3), (0.2, 0.2)):
        sparse = getattr(sp, f"{name}_array")(x)
        slopes = draw_slopes(sparse, *bounds, rng=7)
        assert slopes.format == name
        if name in ("bsr", "dia"):  # which store zeros too
            sparse.data = np.ones(sparse.data.shape)
        equal(slopes, np.where(sparse.toarray() != 0, draw_slopes(x, *bounds, rng=7), np.zeros(1, dtype)))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "dok"])
def test_nothing_is_made_dense(name):
    rows, columns = np.array([0, 5, 999_999]), np.array([3, 999_999, 999_999])
    x = sp.coo_array((np.array([-1.0, -2.0, 3.0]), (rows, columns)), shape=(10**6, 10**6)).asformat(name)
    y, pullback = rrelu_vjp(x, **TRAINING)
    index = rows.astype(np.int64) * 10**6 + columns
    slopes = scale_at(np.ones(3), -np.ones(3), index, Slopes(1 / 8, 1 / 3, TRAINING["rng"]))
    wanted = np.array([-1.0, -2.0, 3.0]) * np.where([True, True, False], slopes, 1)
    for result, expected in ((y, wanted), (pullback(sp.csr_array(x)), wanted)):
        stored = result.tocoo()
        order = np.argsort(stored.coords[0])
        assert stored.data[order].tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["csr", "bsr", "coo"])
def test_more_elements_than_are_scaled_at_a_time(name):
    x = dense((1000, 600), density=0.6)
    assert np.count_nonzero(x) > 300_000
    equal(rrelu(getattr(sp, f"{name}_array")(x), **TRAINING), rrelu(x, **TRAINING))


def test_unsorted_blocks():
    x = dense((12, 12), density=0.9)
    blocks = sp.bsr_array(x, blocksize=(3, 2))
    turned = blocks.indices.reshape(4, -1)[:, ::-1].ravel()
    given = sp.bsr_array((blocks.data.reshape(4, -1, 3, 2)[:, ::-1].reshape(-1, 3, 2), turned, blocks.indptr), shape=x.shape)
    assert not given.has_sorted_indices
    equal(rrelu(given, **TRAINING), rrelu(x, **TRAINING))


def test_a_generator_gives_the_key():
    x = dense()
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    equal(rrelu(sp.csr_array(x), training=True, rng=one), rrelu(x, training=True, rng=other))
    assert one.bit_generator.state == other.bit_generator.state
    assert (rrelu(sp.csr_array(x), training=True) != rrelu(sp.csr_array(x), training=True)).nnz
    equal(RReLU(rng=7)(sp.csr_array(x)), RReLU(rng=7)(x))


def test_the_kernel_is_there_before_a_key_is_drawn(monkeypatch):
    def broken(name, kind):
        raise KeyboardInterrupt(name)

    rng = np.random.default_rng(5)
    before = rng.bit_generator.state
    monkeypatch.setattr(_kernel, "_kernel", broken)
    with pytest.raises(KeyboardInterrupt, match="scale_at"):
        rrelu(sp.csr_array(dense()), training=True, rng=rng)
    assert rng.bit_generator.state == before


def test_subclasses_stay():
    class Mine(sp.csr_array):
        pass

    assert type(rrelu(Mine(dense()), **TRAINING)) is Mine


@pytest.mark.parametrize("name", FORMATS)
def test_results_have_no_place_of_ones_own(name):
    x, rng = getattr(sp, f"{name}_array")(dense()), np.random.default_rng(5)
    before = rng.bit_generator.state
    for arguments in ({"inplace": True}, {"out": x.copy()}):
        with pytest.raises(TypeError, match=rf"^(x|out) is immutable: an? {name}_array of scipy of shape .* cannot be written to$"):
            rrelu(x, training=True, rng=rng, **arguments)
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_other_dtypes_are_refused(dtype):
    cure = "" if dtype == "complex128" else r": pass x\.astype\('float32'\)"
    with pytest.raises(TypeError, match=rf"^x must have one of the dtypes .*, got {dtype}{cure}$"):
        rrelu(sp.csr_array(dense(dtype=dtype)))


def test_dense_gates_are_refused():
    x = sp.csr_array(dense())
    with pytest.raises(TypeError, match=r"^gate is an array of numpy, but values is one of scipy\.sparse$"):
        scale(x, dense(), 0.5)


def test_what_is_no_sparse_array_is_refused():
    operator = pytest.importorskip("scipy.sparse.linalg").aslinearoperator(dense())
    with pytest.raises(TypeError, match=r"^expected an array, got an? \w*LinearOperator of scipy$"):
        rrelu(operator)
    with pytest.raises(TypeError, match=r"^expected an array, got an? \w*LinearOperator of scipy$"):
        scale(sp.csr_array(dense()), operator, 0.5)


def test_indices_are_of_dense_arrays():
    x = sp.csr_array(dense())
    with pytest.raises(TypeError, match=r"^indices are those of dense arrays, got sparse ones: pass the data of what is stored$"):
        scale_at(x, x, x.astype("int64"), 0.5)


def test_the_path_is_described():
    backend = backend_for(sp.csr_array(dense()))
    assert backend.scale.__module__ == "multirrelu_backends.scipy"
    assert backend.describe().startswith("what is stored, by ")
    row = report.row("scipy.sparse")
    assert (row.path, row.why, row.answers) == (backend.scale.__module__, backend.describe(), report.HOLD)
    assert row.detail == "float32, float64"


def test_the_report_finds_a_wrong_answer(registry):
    unscaled = replace(backend_for(sp.csr_array(dense())), scale=lambda values, gate, slopes, /, *, out=None: values.copy())
    register("scipy.sparse", unscaled)
    assert report.row("scipy.sparse").answers == report.WRONG

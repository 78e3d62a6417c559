"""MLX's arrays: the bits of NumPy's, eager, compiled, differentiated and mapped."""

from __future__ import annotations

import pytest

from multirrelu import Slopes, backend_for, draw_slopes, rrelu, rrelu_vjp, scale, scale_at

mx = pytest.importorskip("mlx.core")
np = pytest.importorskip("numpy")

HOST = np.random.default_rng(0).standard_normal((30, 7)).astype("float32")
KEY = 7
WANTED = rrelu(HOST, training=True, rng=KEY)
FACTOR = np.where(HOST <= 0, draw_slopes(HOST, rng=KEY), np.float32(1))


def x():
    return mx.array(HOST)


def train(x, rng=KEY, **options):
    return rrelu(x, training=True, rng=rng, **options)


def equal(one, other):
    one = np.array(one)
    assert one.dtype == other.dtype
    assert one.tobytes() == np.ascontiguousarray(other).tobytes()


def test_backend_is_registered():
    assert backend_for(x()).scale.__module__ == "multirrelu_backends.mlx"
    assert "the fused kernel on the CPU" in backend_for(x()).describe()


@pytest.mark.parametrize("how", ["eager", "compiled"])
@pytest.mark.parametrize("rng", ["int", "key"])
def test_equal_bits(how, rng):
    given = mx.random.key(KEY) if rng == "key" else KEY
    function = mx.compile(lambda x, key: train(x, key if rng == "key" else KEY)) if how == "compiled" else train
    equal(function(x(), given), WANTED)


@pytest.mark.parametrize("layout", ["transposed", "every other", "reversed", "broadcast", "0-d", "empty"])
def test_layouts(layout):
    of = {
        "transposed": lambda a: a.T,
        "every other": lambda a: a[::2],
        "reversed": lambda a: a[::-1],
        "broadcast": lambda a: (mx if isinstance(a, mx.array) else np).broadcast_to(a[:1], a.shape),
        "0-d": lambda a: a[0, 0],
        "empty": lambda a: a[:0],
    }[layout]
    equal(train(of(x())), np.asarray(train(of(HOST))))


def test_bfloat16_is_rounded_once():
    given = x().astype(mx.bfloat16)
    y = train(given)
    assert y.dtype == mx.bfloat16
    wanted = mx.array(np.array(given.astype(mx.float32)) * np.where(np.array(given.astype(mx.float32)) <= 0, FACTOR, 1)).astype(mx.bfloat16)
    assert mx.array_equal(y, wanted).item()
    assert mx.array_equal(mx.compile(train)(given), y).item()


@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.5, 0.5)])
@pytest.mark.parametrize("wrapped", ["plain", "compiled"])
def test_gradients_of_any_order(bounds, wrapped):
    factor = np.where(HOST <= 0, draw_slopes(HOST, *bounds, rng=KEY), np.float32(1))

    def cube(x):
        return (train(x, KEY, lower=bounds[0], upper=bounds[1]) ** 3).sum()

    first = mx.grad(cube)
    second = mx.grad(lambda x: first(x).sum())
    third = mx.grad(lambda x: second(x).sum())
    if wrapped == "compiled":
        first, second, third = map(mx.compile, (first, second, third))
    y = HOST * factor
    np.testing.assert_allclose(np.array(first(x())), 3 * y**2 * factor, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(np.array(second(x())), 6 * y * factor**2, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(np.array(third(x())), 6 * factor**3, rtol=1e-5, atol=1e-7)


def test_a_gradient_of_minus_zero_keeps_its_sign():
    (gradient,) = mx.vjp(train, [x()], [mx.full(HOST.shape, -0.0)])[1]
    equal(gradient, np.full(HOST.shape, -0.0, dtype="float32"))


def test_jvp_and_vjp_are_the_factor():
    equal(mx.jvp(train, [x()], [mx.ones(HOST.shape)])[1][0], FACTOR)
    equal(mx.vjp(train, [x()], [mx.ones(HOST.shape)])[1][0], FACTOR)
    equal(rrelu_vjp(x(), training=True, rng=KEY)[1](mx.ones(HOST.shape)), FACTOR)
    equal(draw_slopes(x(), rng=KEY), draw_slopes(HOST, rng=KEY))


@pytest.mark.parametrize("axis", [0, 1])
def test_vmap_gives_each_example_the_slopes_that_it_has_alone(axis):
    mapped = mx.vmap(train, in_axes=axis, out_axes=axis)(x())
    for number, example in enumerate(np.moveaxis(HOST, axis, 0)):
        equal(np.moveaxis(np.array(mapped), axis, 0)[number], train(np.ascontiguousarray(example)))


@pytest.mark.parametrize("gradient", [False, True])
def test_vmap_over_keys(gradient):
    keys = mx.random.split(mx.random.key(1), len(HOST))
    function = mx.grad(lambda x, key: train(x, key).sum()) if gradient else train
    mapped = np.array(mx.vmap(function)(x(), keys))
    for number, words in enumerate(np.array(keys).astype("uint64").tolist()):
        key = words[0] << 32 | words[1]
        example = train(HOST[number], key)
        wanted = np.where(HOST[number] <= 0, draw_slopes(HOST[number], rng=key), np.float32(1)) if gradient else example
        equal(mapped[number], wanted)


def test_vmap_with_an_offset():
    slopes = Slopes(0.1, 0.3, KEY, offset=2**34 - 3)
    mapped = np.array(mx.vmap(lambda x: scale(x, x, slopes))(x()))
    for number, example in enumerate(HOST):
        equal(mapped[number], scale(example, example, slopes))


def test_a_key_means_its_seed():
    equal(train(x(), mx.random.key(2**32 + 5)), train(HOST, 2**32 + 5))


def test_seed_sets_the_keys_of_calls_without_rng():
    mx.random.seed(3)
    first, second = rrelu(x(), training=True), rrelu(x(), training=True)
    mx.random.seed(3)
    assert mx.array_equal(rrelu(x(), training=True), first).item()
    assert not mx.array_equal(first, second).item()


def test_in_place_and_out():
    given, out = x(), mx.zeros(HOST.shape)
    assert train(given, out=out) is out
    equal(out, WANTED)
    equal(given, HOST)
    assert train(given, inplace=True) is given
    equal(given, WANTED)


def test_a_loop_of_training_compiles():
    """A key that is an argument gives other slopes at each step of one compiled function."""
    step = mx.compile(train)
    first, second = step(x(), mx.random.key(1)), step(x(), mx.random.key(2))
    equal(first, train(HOST, 1))
    equal(second, train(HOST, 2))


def test_without_the_kernel(monkeypatch):
    from multirrelu_backends import _kernel

    monkeypatch.setattr(_kernel, "run", lambda *_: False)
    equal(train(x()), WANTED)
    equal(train(x(), mx.random.key(KEY)), WANTED)


def test_a_compiled_function_with_the_state_of_the_global_generator():
    function = mx.compile(lambda x: rrelu(x, training=True), inputs=mx.random.state, outputs=mx.random.state)
    mx.random.seed(3)
    first, second = function(x()), function(x())
    mx.random.seed(3)
    assert mx.array_equal(function(x()), first).item()
    assert not mx.array_equal(first, second).item()


INDEX = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, HOST.shape)
AT = Slopes(0.1, 0.3, KEY, offset=2**63 + 5)


@pytest.mark.parametrize("wrapped", [lambda function: function, mx.compile], ids=["eager", "compiled"])
def test_elements_of_any_index(wrapped):
    wanted = scale_at(HOST, HOST, INDEX, AT)
    equal(wrapped(lambda x, index: scale_at(x, x, index, AT))(x(), mx.array(INDEX)), wanted)
    (gradient,) = mx.vjp(wrapped(lambda x: scale_at(x, x, mx.array(INDEX), AT)), [x()], [x()])[1]
    equal(gradient, wanted)  # as the cotangent is x itself


def test_elements_of_any_index_take_the_kernel(monkeypatch):
    from multirrelu_backends import _kernel

    served = []
    run = _kernel.run_at
    wanted = scale_at(HOST, HOST, INDEX, AT)
    monkeypatch.setattr(_kernel, "run_at", lambda *arguments: served.append(run(*arguments)) or served[-1])
    equal(scale_at(x(), x(), mx.array(INDEX), AT), wanted)
    assert served == [True]
    monkeypatch.setattr(_kernel, "run_at", lambda *_: False)
    equal(scale_at(x(), x(), mx.array(INDEX), AT), wanted)


@pytest.mark.parametrize("shared", ["neither", "index", "key"])
def test_vmap_of_elements_with_indices(shared):
    index, keys = (INDEX[0] if shared == "index" else INDEX), list(range(len(HOST)))
    axes = 0, None if shared == "index" else 0, None if shared == "key" else 0
    key = mx.array(KEY, mx.int64) if shared == "key" else mx.array(keys, mx.int64)
    mapped = mx.vmap(lambda x, index, key: scale_at(x, x, index, Slopes(0.1, 0.3, key, offset=3)), axes)(x(), mx.array(index), key)
    for row, example in enumerate(HOST):
        slopes = Slopes(0.1, 0.3, KEY if shared == "key" else row, offset=3)
        equal(mapped[row], scale_at(example, example, index if shared == "index" else index[row], slopes))

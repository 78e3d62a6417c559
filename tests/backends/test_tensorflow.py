"""TensorFlow's tensors: the bits of NumPy's, eager, in graphs, under XLA, with gradients of any order."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from multirrelu import Slopes, backend_for, draw_slopes, rrelu, rrelu_vjp, scale, scale_at

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

HOST = np.random.default_rng(0).standard_normal((30, 7)).astype("float32")
KEY = 7
WANTED = rrelu(HOST, training=True, rng=KEY)
FACTOR = np.where(HOST <= 0, draw_slopes(HOST, rng=KEY), np.float32(1))
X = tf.constant(HOST)
GRAPHS = {
    "eager": lambda function: function,
    "graph": tf.function,
    "xla": lambda function: tf.function(function, jit_compile=True),
    "unknown sizes": lambda function: tf.function(function, input_signature=[tf.TensorSpec((None, None), tf.float32)]),
    "an unknown size": lambda function: tf.function(function, input_signature=[tf.TensorSpec((None, 7), tf.float32)]),
}
graphs = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def train(x, rng=KEY, **options):
    return rrelu(x, training=True, rng=rng, **options)


def equal(one, other):
    one = np.asarray(one)
    assert one.dtype == other.dtype
    assert one.tobytes() == np.ascontiguousarray(other).tobytes()


def test_backend_is_registered():
    assert backend_for(X).scale.__module__ == "multirrelu_backends.tensorflow.routes"
    assert "eagerly the fused kernel on the CPU" in backend_for(X).describe()


@graphs
def test_training(graph):
    equal(graph(train)(X), WANTED)


@graphs
def test_evaluation(graph):
    equal(graph(rrelu)(X), rrelu(HOST))


@graphs
@pytest.mark.parametrize("offset", [1, 3, 2**34 - 3, 2**62 - 5, 2**63 - 1, 2**64 - 9, 2**64 - 210])
def test_offsets(graph, offset):
    slopes = Slopes(0.1, 0.3, 2**63 + 5, offset=offset)
    equal(graph(lambda x: scale(x, x, slopes))(X), scale(HOST, HOST, slopes))


@pytest.mark.parametrize("graph", [GRAPHS["eager"], GRAPHS["graph"], GRAPHS["xla"]], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize("axes", [0, 1, (0, 1)])
def test_shared_axes(graph, axes):
    equal(graph(lambda x: train(x, shared_axes=axes))(X), train(HOST, shared_axes=axes))


@pytest.mark.parametrize("strides", [(7, 1), (-3, 2**40), (0, 2**63)])
@graphs
def test_strides(graph, strides):
    slopes = Slopes(0.1, 0.3, 5, strides=strides)
    equal(graph(lambda x: scale(x, x, slopes))(X), scale(HOST, HOST, slopes))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("graph", [GRAPHS["eager"], GRAPHS["graph"], GRAPHS["xla"]], ids=["eager", "graph", "xla"])
def test_dtypes(graph, dtype):
    x = tf.cast(X, dtype)
    equal(graph(train)(x), train(x.numpy()))


@pytest.mark.parametrize("graph", [GRAPHS["eager"], GRAPHS["graph"]], ids=["eager", "graph"])
def test_bfloat16_is_rounded_once(graph):
    x = tf.cast(X, tf.bfloat16)
    wanted = tf.cast(tf.cast(x, tf.float32) * FACTOR, tf.bfloat16)
    y = graph(train)(x)
    assert y.dtype == tf.bfloat16
    assert tf.reduce_all(y == wanted)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 1, 5)])
def test_shapes(shape):
    host = -np.ones(shape, "float32")
    for graph in (GRAPHS["eager"], GRAPHS["graph"]):
        y = graph(train)(tf.constant(host))
        assert tuple(y.shape) == shape
        equal(y, np.asarray(train(host)))


def test_a_variable():
    variable = tf.Variable(HOST)
    equal(train(variable), WANTED)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(train(variable))
    equal(tape.gradient(loss, variable), FACTOR)


@graphs
@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.5, 0.5)])
def test_gradients_of_two_orders(graph, bounds):
    factor = np.where(HOST <= 0, draw_slopes(HOST, *bounds, rng=KEY), np.float32(1))

    def both(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(rrelu(x, *bounds, training=True, rng=KEY) ** 3)
            first = inner.gradient(loss, x)
            total = tf.reduce_sum(first)
        return first, outer.gradient(total, x)

    first, second = graph(both)(X)
    y = HOST * factor
    np.testing.assert_allclose(first, 3 * y**2 * factor, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(second, 6 * y * factor**2, rtol=1e-5, atol=1e-7)


def test_a_gate_of_its_own_has_no_gradient():
    gate = tf.constant(-HOST)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([X, gate])
        y = scale(X, gate, Slopes(0.1, 0.3, KEY))
    assert tape.gradient(y, gate) is None
    equal(tape.gradient(y, X), np.where(-HOST <= 0, draw_slopes(HOST, 0.1, 0.3, rng=KEY), np.float32(1)))


def test_pullback_and_slopes():
    equal(rrelu_vjp(X, training=True, rng=KEY)[1](tf.ones(HOST.shape)), FACTOR)
    equal(draw_slopes(X, rng=KEY), draw_slopes(HOST, rng=KEY))
    for zero in (-0.0, 0.0):  # of which TensorFlow's cache of numbers makes the one that came first
        equal(draw_slopes(X, zero, zero, rng=KEY), draw_slopes(HOST, zero, zero, rng=KEY))


def test_a_key_is_an_argument_of_a_graph():
    function = tf.function(train)
    for key in (0, 5, 2**63 - 1):
        equal(function(X, tf.constant(key, tf.int64)), train(HOST, key))
    equal(function(X, tf.constant(-1, tf.int64)), train(HOST, 2**64 - 1))
    assert function.experimental_get_tracing_count() == 1


def test_a_map_gives_each_example_the_slopes_that_it_has_alone():
    rows = tf.vectorized_map(train, X)
    keyed = tf.vectorized_map(lambda pair: train(*pair), (X, tf.range(len(HOST), dtype=tf.int64)))
    for number, example in enumerate(HOST):
        equal(rows[number], train(example))
        equal(keyed[number], train(example, number))


def test_a_generator_advances():
    rng, twin = (tf.random.Generator.from_seed(3) for _ in range(2))
    first, second = train(X, rng), train(X, rng)
    equal(first, train(HOST, int(twin.uniform_full_int((), tf.int64)) % 2**64))
    assert not tf.reduce_all(first == second)


def test_a_generator_advances_in_a_graph():
    rng = tf.random.Generator.from_seed(3)
    function = tf.function(lambda x: train(x, rng))
    assert not tf.reduce_all(function(X) == function(X))


def test_set_seed_sets_the_keys_of_calls_without_rng():
    tf.random.set_seed(3)
    first, second = rrelu(X, training=True), rrelu(X, training=True)
    tf.random.set_seed(3)
    equal(rrelu(X, training=True), first.numpy())
    assert not tf.reduce_all(first == second)


def test_a_saved_model(tmp_path):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 7), tf.float32), tf.TensorSpec((), tf.int64)])
        def __call__(self, x, key):
            return train(x, key)

    tf.saved_model.save(Model(), str(tmp_path))
    equal(tf.saved_model.load(str(tmp_path))(X, tf.constant(KEY, tf.int64)), WANTED)


def test_memory_that_tensorflow_would_not_bear():
    """NumPy's memory begins at any multiple of 4; results begin at a multiple of 64, and go on through TensorFlow's own operators."""
    for skip in range(16):
        host = np.zeros(1000 + skip, "float32")[skip:] - 1
        taken = tf.experimental.dlpack.from_dlpack(host.__dlpack__())
        equal(tf.nn.relu(-train(taken)), -train(host))


INDEX = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, HOST.shape)
AT = Slopes(0.1, 0.3, KEY, offset=2**63 + 5)


@pytest.mark.parametrize("graph", [GRAPHS["eager"], GRAPHS["graph"], GRAPHS["xla"]], ids=["eager", "graph", "xla"])
def test_elements_of_any_index(graph):
    def scaled(slopes):
        return graph(lambda x: scale_at(x, -x, tf.constant(INDEX), slopes))(X)

    equal(scaled(AT), scale_at(HOST, -HOST, INDEX, AT))
    equal(scaled(0.25), scale_at(HOST, -HOST, INDEX, 0.25))


def test_elements_of_any_index_take_the_kernel(monkeypatch):
    from multirrelu_backends import _kernel

    served = []
    run = _kernel.run_at
    monkeypatch.setattr(_kernel, "run_at", lambda *arguments: served.append(run(*arguments)) or served[-1])
    equal(scale_at(X, X, tf.constant(INDEX), AT), scale_at(HOST, HOST, INDEX, AT))
    assert served == [True, True]  # TensorFlow's, and NumPy's
    monkeypatch.setattr(_kernel, "run_at", lambda *_: False)
    equal(scale_at(X, X, tf.constant(INDEX), AT), scale_at(HOST, HOST, INDEX, AT))


def test_tensors_are_immutable():
    for options in ({"inplace": True}, {"out": tf.zeros(HOST.shape)}):
        with pytest.raises(TypeError, match=r"is immutable: an EagerTensor of tensorflow of shape \(30, 7\) and dtype .* cannot be"):
            train(X, **options)


@pytest.mark.parametrize(
    ("x", "cure"),
    [(lambda: tf.ragged.constant([[-1.0], [2.0, 3.0]]), "x.flat_values"), (lambda: tf.sparse.from_dense([-1.0, 0.0]), "x.values")],
    ids=["ragged", "sparse"],
)
def test_what_is_no_dense_tensor(x, cure):
    with pytest.raises(TypeError, match=rf"^expected a dense tensor, got a .*: apply rrelu to {cure}$"):
        rrelu(x())


def test_an_unknown_number_of_axes():
    function = tf.function(train, input_signature=[tf.TensorSpec(None, tf.float32)])
    with pytest.raises(ValueError, match=r"x has an unknown number of axes: call tf\.ensure_shape first"):
        function(X)


def test_the_first_call_of_a_process_may_be_in_a_graph():
    code = """if True:
        import tensorflow as tf, multirrelu
        graph = tf.function(lambda x: multirrelu.rrelu(x, training=True, rng=7))(tf.constant([-1.0]))
        from multirrelu_backends.tensorflow import routes
        assert isinstance(graph, routes.EAGER) and routes.EAGER is type(tf.constant(0))
    """
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})


def test_without_the_kernel(monkeypatch):
    from multirrelu_backends import _kernel

    monkeypatch.setattr(_kernel, "run", lambda *_: False)
    equal(train(X), WANTED)


def test_the_sign_of_a_slope_of_zero_without_the_kernel(monkeypatch):
    """TensorFlow keeps small tensors of Python's numbers, and finds that of 0.0 where -0.0 is asked for."""
    from multirrelu_backends import _kernel

    monkeypatch.setattr(_kernel, "run", lambda *_: False)
    x = tf.constant([-1.0, 2.0])
    for slope in (0.0, -0.0, 0.0):
        assert np.signbit(scale(x, x, slope)).tolist() == [not np.signbit(slope), False]


def test_autograph_converts_nothing(recwarn):
    @tf.function
    def function(x):
        return train(x) if tf.reduce_sum(x) > 1e9 else rrelu(x, training=True, rng=KEY)

    equal(function(X), WANTED)
    equal(tf.function(scale_at)(X, X, tf.constant(INDEX), AT), scale_at(HOST, HOST, INDEX, AT))
    assert not [warning for warning in recwarn if "AutoGraph" in str(warning.message)]


@pytest.mark.parametrize("graph", [GRAPHS["unknown sizes"], GRAPHS["an unknown size"]], ids=["both", "first"])
@pytest.mark.parametrize("axes", [0, 1, (0, 1)])
def test_shared_axes_of_unknown_sizes(graph, axes):
    equal(graph(lambda x: train(x, shared_axes=axes))(X), train(HOST, shared_axes=axes))


def test_shared_axes_of_sizes_that_must_be_known():
    function = tf.function(lambda x: train(x, shared_axes=0), input_signature=[tf.TensorSpec((1, None, None), tf.float32)])
    with pytest.raises(ValueError, match="only where the sizes of the others are known"):
        function(X[None])

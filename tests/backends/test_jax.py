"""JAX's transformations: each has the bits that NumPy has for the same key, and keeps no slopes."""

from __future__ import annotations

import subprocess
import sys

import pytest

import multirrelu
from multirrelu import Slopes, rrelu, rrelu_vjp

np = pytest.importorskip("numpy")
pytest.importorskip("jax")

import jax  # noqa: E402
import jax.ad_checkpoint  # noqa: E402
import jax.export  # noqa: E402
import jax.extend  # noqa: E402
import jax.numpy as jnp  # noqa: E402

KEY = 0x123456789ABCDEF0
BOUNDS = {"positive": (1 / 8, 1 / 3), "across zero": (-0.5, 0.25)}
DTYPES = ("float16", "bfloat16", "float32", "float64")


def numbers(shape, dtype="float32", seed=0):
    """Numbers of both signs, and zeros of both."""
    x = np.random.default_rng(seed).normal(size=shape).astype(jnp.dtype(dtype))
    x.reshape(-1)[::7], x.reshape(-1)[1::7] = 0.0, -0.0
    return x


def key_of(key):
    return jax.random.wrap_key_data(np.array([key >> 32, key % 2**32], dtype=np.uint32))


def int_of(rng):
    high, low = np.asarray(jax.random.key_data(rng)).tolist()
    return high << 32 | low


def train(x, rng=KEY, bounds=BOUNDS["positive"]):
    return rrelu(x, *bounds, training=True, rng=rng)


def pulled(x, g, rng=KEY, bounds=BOUNDS["positive"]):
    """The gradient that NumPy gives."""
    return rrelu_vjp(x, *bounds, training=True, rng=rng)[1](g)


def check(actual, expected):
    assert isinstance(actual, jax.Array)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    assert np.asarray(actual).tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.fixture(params=[False, True], ids=["x64 off", "x64 on"])
def wide(request):
    with jax.enable_x64(request.param):
        yield request.param


@pytest.fixture(params=DTYPES)
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.fixture(params=BOUNDS)
def bounds(request):
    return BOUNDS[request.param]


def test_backend_is_registered():
    assert multirrelu.backend_for(jnp.ones(1)).scale.__module__ == "multirrelu_backends.jax"


@pytest.mark.parametrize("library", ["jax.numpy", "numpy"])
def test_backend_that_is_imported_before_the_package(library):
    """The package is then imported from within a backend."""
    module = library.partition(".")[0]
    code = f"import {library} as xp, multirrelu_backends.{module} as own, multirrelu as m; assert m.backend_for(xp.ones(1)) is own.backend"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_describe():
    from multirrelu_backends.jax import describe

    assert describe() == f"one loop that XLA fuses, on {jax.default_backend()}, whether or not jax_enable_x64 is set"


# Compiled


def test_jit(dtype, bounds):
    x = numbers((5, 33), dtype)
    check(jax.jit(lambda x: train(x, KEY, bounds))(x), train(x, KEY, bounds))
    check(jax.jit(lambda x, rng: train(x, rng, bounds))(x, key_of(KEY)), train(x, KEY, bounds))


def test_jit_in_evaluation(dtype):
    x = numbers((5, 33), dtype)
    check(jax.jit(rrelu)(x), rrelu(x))


@pytest.mark.parametrize("key", [0, 42, 2**31, 2**32, 2**63, 2**64 - 1])
def test_keys_that_are_traced(wide, key):
    x = numbers(65)
    check(jax.jit(train)(x, key_of(key)), train(x, key))
    check(jax.jit(train)(x, jax.random.key_data(key_of(key))), train(x, key))
    check(jax.jit(lambda x: train(x, key))(x), train(x, key))


def test_a_wide_key_that_is_traced(wide):
    rng = jax.random.key(5, impl="rbg")
    check(jax.jit(train)(numbers(65), rng), np.asarray(train(jnp.asarray(numbers(65)), rng)))


def test_functions_that_take_a_key():
    x, key = numbers((3, 8)), key_of(KEY)
    check(jax.jit(lambda x, rng: multirrelu.draw_slopes(x, rng=rng))(x, key), multirrelu.draw_slopes(x, rng=KEY))
    check(jax.jit(lambda x, rng: rrelu_vjp(x, training=True, rng=rng)[1](x))(x, key), pulled(x, x))
    check(jax.jit(lambda x, rng: rrelu(x, training=True, rng=rng, shared_axes=0))(x, key), rrelu(x, training=True, rng=KEY, shared_axes=0))


def test_pullback_of_a_traced_array_takes_one_that_is_not():
    """JAX knows no device of what it traces."""
    x, g = numbers(9), jnp.asarray(numbers(9, seed=1))
    check(jax.jit(lambda x: rrelu_vjp(x, training=True, rng=KEY)[1](g))(x), pulled(x, np.asarray(g)))


def test_beyond_32_bits_of_index(wide):
    x, slopes = -np.ones((3, 5), np.float32), Slopes(1 / 8, 1 / 3, KEY, offset=2**34 - 7, strides=(2**33, 3))
    check(jax.jit(lambda x: multirrelu.scale(x, x, slopes))(x), multirrelu.scale(x, x, slopes))


def test_one_program_serves_all_keys_bounds_and_offsets():
    from multirrelu_backends.jax import _activate

    x = jnp.asarray(numbers(77))
    train(x)
    before = _activate._cache_size()
    for key, bounds, offset in ((1, (0.1, 0.2), 0), (2**63, (0.2, 5.0), 9), (3, (0.0, 1.0), 2**60)):
        multirrelu.scale(x, x, Slopes(*bounds, key, offset))
    assert _activate._cache_size() == before


def test_one_program_serves_all_constant_slopes():
    """A schedule of the bounds compiles nothing."""
    from multirrelu_backends.jax import _activate

    x = jnp.asarray(numbers(79))
    rrelu(x)
    before = _activate._cache_size()
    for bounds in ((0.1, 0.2), (0.0, 1.0), (0.0, 0.0)):
        check(rrelu(x, *bounds), rrelu(np.asarray(x), *bounds))
    assert _activate._cache_size() == before


def test_two_keys_in_one_program():
    """What is passed for the first is not changed by the second, although the program is compiled after both."""
    x = numbers(65)
    one, other = jax.jit(lambda x: (train(x, 1), train(x, 2)))(x)
    check(one, train(x, 1))
    check(other, train(x, 2))


def test_ahead_of_time():
    x = numbers((4, 6))
    program = jax.jit(train).lower(jax.ShapeDtypeStruct(x.shape, x.dtype), jax.eval_shape(lambda: jax.random.key(0))).compile()
    check(program(x, key_of(KEY)), train(x))


def test_donated_buffer():
    x = jnp.asarray(numbers(100))
    expected = train(np.asarray(x).copy())
    check(jax.jit(train, static_argnums=1, donate_argnums=0)(x, KEY), expected)
    assert x.is_deleted()


def test_export():
    pytest.importorskip("flatbuffers")
    x, g = numbers((4, 6)), numbers((4, 6), seed=1)
    exported = jax.export.deserialize(jax.export.export(jax.jit(train))(x, key_of(KEY)).serialize(vjp_order=1))
    check(exported.call(x, key_of(KEY)), train(x))
    check(jax.vjp(lambda x: exported.call(x, key_of(KEY)), x)[1](g)[0], pulled(x, g))


@pytest.mark.parametrize("sizes", ["b, 6", "4, b", "b, c"])
def test_export_with_open_sizes(sizes):
    pytest.importorskip("flatbuffers")
    x, g = numbers((4, 6)), numbers((4, 6), seed=1)
    any_size = jax.ShapeDtypeStruct(jax.export.symbolic_shape(sizes), x.dtype)
    for shared in (None, 0, 1):

        def shared_train(x, shared=shared):
            return rrelu(x, training=True, rng=KEY, shared_axes=shared)

        exported = jax.export.deserialize(jax.export.export(jax.jit(shared_train))(any_size).serialize(vjp_order=1))
        check(exported.call(x), shared_train(x))
        check(jax.vjp(exported.call, x)[1](g)[0], jax.vjp(shared_train, x)[1](g)[0])


@pytest.mark.parametrize("platform", ["cuda", "rocm", "tpu"])
def test_another_platform_has_the_program_of_the_cpu(platform):
    """No device is needed to lower it, and no function that one platform alone has is called in it."""

    def both_passes(x, rng):
        y, pull = jax.vjp(lambda x: train(x, rng), x)
        return y, pull(y)

    def lowered(to):
        text = jax.export.export(jax.jit(both_passes), platforms=(to,))(numbers((4, 6)), key_of(KEY)).mlir_module()
        return text.replace(f'"{to}"', "")

    program, of_cpu = map(lowered, (platform, "cpu"))  # from one line, which is part of a program
    assert program == of_cpu
    assert "custom_call" not in program


def test_control_flow(wide):
    x, keys = numbers(33), jax.random.split(jax.random.key(1), 3)
    expected = x
    for rng in keys:
        expected = train(expected, int_of(rng))
    check(jax.lax.scan(lambda c, rng: (train(c, rng), None), x, keys)[0], expected)
    check(jax.lax.fori_loop(0, 3, lambda i, c: train(c, keys[i]), jnp.asarray(x)), expected)
    check(jax.jit(lambda p: jax.lax.cond(p, train, rrelu, x))(True), train(x))


def test_gradient_through_a_scan(wide):
    x, keys = numbers(33), jax.random.split(jax.random.key(1), 3)
    g = numbers(33, seed=1)
    inputs = [x]
    for rng in keys:
        inputs.append(train(inputs[-1], int_of(rng)))
    expected = g
    for rng, y in zip(keys[::-1], inputs[-2::-1], strict=True):
        expected = pulled(y, expected, int_of(rng))
    check(jax.vjp(lambda x: jax.lax.scan(lambda c, rng: (train(c, rng), None), x, keys)[0], x)[1](g)[0], expected)


# Derivatives


def test_first_derivatives(dtype, bounds):
    x, g = numbers((5, 13), dtype), numbers((5, 13), dtype, seed=1)
    y, factor = train(x, KEY, bounds), pulled(x, np.ones_like(x), KEY, bounds)
    expected = pulled(x, g, KEY, bounds)

    def function(x):
        return train(x, KEY, bounds)

    out, pullback = jax.vjp(function, x)
    check(out, y)
    check(pullback(g)[0], expected)
    for transform in (lambda f: f, jax.jit) if dtype == "float32" else (jax.jit,):
        out, tangent = transform(lambda x, g: jax.jvp(function, (x,), (g,)))(x, g)
        check(out, y)
        check(tangent, expected)
        check(transform(lambda x, g: jax.vjp(function, x)[1](g)[0])(x, g), expected)
        check(transform(jax.grad(lambda x: function(x).sum()))(x), factor)
    out, linear = jax.linearize(function, x)
    check(out, y)
    check(linear(g), expected)
    check(jax.linear_transpose(linear, x)(g)[0], expected)


def test_derivatives_of_what_was_compiled_before(wide, bounds):
    """The rule is then traced when the program is differentiated, long after the backend has returned."""
    x, g = numbers((5, 13)), numbers((5, 13), seed=1)
    program = jax.jit(lambda x: train(x, KEY, bounds))
    expected = pulled(x, g, KEY, bounds)
    check(jax.vjp(program, x)[1](g)[0], expected)
    check(jax.jvp(program, (x,), (g,))[1], expected)
    check(
        jax.vmap(lambda x, g: jax.vjp(program, x)[1](g)[0])(x, g), np.stack([pulled(*row, KEY, bounds) for row in zip(x, g, strict=True)])
    )


def test_derivatives_by_a_traced_key(wide, bounds):
    x, g = numbers((5, 13)), numbers((5, 13), seed=1)
    _, pullback = jax.vjp(lambda x: train(x, key_of(KEY), bounds), x)
    check(pullback(g)[0], pulled(x, g, KEY, bounds))
    check(jax.jit(jax.grad(lambda x, rng: (train(x, rng, bounds) * g).sum()))(x, key_of(KEY)), pulled(x, g, KEY, bounds))


def test_derivative_where_the_output_vanishes():
    """By the output as by the input: -0.0 is no positive number."""
    x = np.array([-1e-30, -1.0, 1e-30], dtype=np.float32)
    check(jax.grad(lambda x: train(x, KEY, (1e-30, 2e-30)).sum())(x), pulled(x, np.ones_like(x), KEY, (1e-30, 2e-30)))


@pytest.mark.parametrize("before", [False, True], ids=["x64 off before", "x64 on before"])
def test_derivatives_in_evaluation_under_another_setting(wide, before):
    """What was traced under one setting is differentiated, and applied, under another."""
    x, g = numbers((5, 13)), numbers((5, 13), seed=1)
    expected = rrelu_vjp(x)[1](g)
    with jax.enable_x64(before):
        program = jax.jit(rrelu).trace(x)
        pullback, tangent = jax.vjp(rrelu, x)[1], jax.linearize(jax.jit(rrelu), x)[1]
    check(jax.vjp(jax.extend.core.jaxpr_as_fun(program.jaxpr), x)[1]([g])[0], expected)
    check(pullback(g)[0], expected)
    check(tangent(g), expected)


def test_derivatives_in_evaluation(dtype):
    x, g = numbers((5, 13), dtype), numbers((5, 13), dtype, seed=1)
    expected = rrelu_vjp(x, -0.5, 0.1)[1](g)
    check(jax.vjp(lambda x: rrelu(x, -0.5, 0.1), x)[1](g)[0], expected)
    check(jax.jvp(lambda x: rrelu(x, -0.5, 0.1), (x,), (g,))[1], expected)


def test_second_derivatives(bounds):
    """The Hessian of half a square is the square of the slope, on the diagonal."""
    x = numbers(9)
    factor = pulled(x, np.ones_like(x), KEY, bounds)
    for transform in (jax.hessian, lambda f: jax.jacrev(jax.jacrev(f)), lambda f: jax.jit(jax.jacfwd(jax.jacfwd(f)))):
        second = transform(lambda x: (train(x, KEY, bounds) ** 2).sum() / 2)(x)
        check(second + 0.0, np.diag(factor * factor))  # off the diagonal there are zeros of both signs


def test_scale_is_linear_in_its_values_alone():
    values, gate, g = numbers(29), numbers(29, seed=1), numbers(29, seed=2)
    slopes = Slopes(0.1, 0.3, KEY)
    y, pullback = jax.vjp(lambda v, s: multirrelu.scale(v, s, slopes), values, gate)
    check(y, multirrelu.scale(values, gate, slopes))
    check(pullback(g)[0], multirrelu.scale(g, gate, slopes))
    check(pullback(g)[1], np.zeros_like(gate))


# What is kept


def kept(pullback, x):
    return [array for array in jax.tree.leaves(pullback) if array.size >= x.size]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_output_alone_is_kept(wide, compiled):
    x = numbers((16, 16))
    function = (jax.jit if compiled else lambda f: f)(lambda x: jax.vjp(train, x, key_of(KEY)))
    y, pullback = function(x)
    (array,) = kept(pullback, x)
    check(array, np.asarray(y))


def test_the_input_is_kept_where_a_slope_is_negative(wide):
    x = numbers((16, 16))
    (array,) = kept(jax.jit(lambda x: jax.vjp(lambda x: train(x, KEY, BOUNDS["across zero"]), x)[1])(x), x)
    check(array, x)


def test_saved_residuals(capsys):
    """Between two matrix products, which keep their inputs anyway, nothing is added."""
    x = w = jnp.asarray(numbers((5, 5)))
    jax.ad_checkpoint.print_saved_residuals(lambda x, w: train(x @ w, key_of(KEY)) @ w, x, w)
    lines = [line for line in capsys.readouterr().out.splitlines() if "[5,5]" in line]
    assert [line.partition(" from ")[0] for line in lines] == ["f32[5,5]", "f32[5,5]", "f32[5,5] output of jitted function '_activate'"]
    assert ["the argument x" in lines[0], "the argument w" in lines[1]] == [True, True]


POLICIES = {
    "none": lambda policies: None,
    "nothing": lambda policies: policies.nothing_saveable,
    "everything": lambda policies: policies.everything_saveable,
    "dots": lambda policies: policies.dots_saveable,
    "dots without batch": lambda policies: policies.dots_with_no_batch_dims_saveable,
    "some names": lambda policies: policies.save_only_these_names("hidden"),
    "other names": lambda policies: policies.save_anything_except_these_names("hidden"),
    "both": lambda policies: policies.save_from_both_policies(policies.dots_saveable, policies.save_only_these_names("hidden")),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_checkpoint(policy):
    x, g = numbers((6, 7)), numbers((6, 7), seed=1)

    def function(x, rng):
        hidden = jax.ad_checkpoint.checkpoint_name(2 * train(x, rng), "hidden")
        return train(hidden, KEY + 1)

    expected = pulled(x, 2 * pulled(2 * train(x), g, KEY + 1))
    once_more = jax.checkpoint(function, policy=POLICIES[policy](jax.checkpoint_policies))
    check(jax.jit(lambda x, rng: jax.vjp(lambda x: once_more(x, rng), x)[1](g)[0])(x, key_of(KEY)), expected)


# Batches


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_vmap(transform):
    """An example is an array of its own: its elements count from 0."""
    x, keys = numbers((4, 21)), jax.random.split(jax.random.key(3), 4)
    seeds = [int_of(rng) for rng in keys]
    check(transform(jax.vmap(train, (0, None)))(x, key_of(KEY)), np.stack([train(row) for row in x]))
    check(transform(jax.vmap(train, (None, 0)))(jnp.asarray(x[0]), keys), np.stack([train(x[0], seed) for seed in seeds]))
    check(transform(jax.vmap(train))(x, keys), np.stack([train(row, seed) for row, seed in zip(x, seeds, strict=True)]))
    check(transform(jax.vmap(train, (1, None), 1))(x, key_of(KEY)), np.stack([train(column) for column in x.T], 1))


def test_vmap_of_derivatives(wide, bounds):
    x, g, keys = numbers((4, 21)), numbers((4, 21), seed=1), jax.random.split(jax.random.key(3), 4)
    expected = np.stack([pulled(a, b, int_of(rng), bounds) for a, b, rng in zip(x, g, keys, strict=True)])
    check(jax.vmap(lambda x, rng, g: jax.vjp(lambda x: train(x, rng, bounds), x)[1](g)[0])(x, keys, g), expected)
    check(jax.vmap(lambda x, rng, g: jax.jvp(lambda x: train(x, rng, bounds), (x,), (g,))[1])(x, keys, g), expected)
    check(jax.vjp(lambda x: jax.vmap(lambda x, rng: train(x, rng, bounds))(x, keys), x)[1](g)[0], expected)


# What JAX itself watches over


def test_no_tracer_leaks():
    x = jnp.asarray(numbers(8))
    with jax.checking_leaks():
        check(jax.jit(jax.grad(lambda x, rng: train(x, rng).sum()))(x, key_of(KEY)), pulled(np.asarray(x), np.ones_like(x)))
        jax.vmap(jax.grad(lambda x, rng: train(x, rng).sum()), (None, 0))(x, jax.random.split(jax.random.key(1), 2))


def test_evaluation_without_compiling(wide, bounds):
    x, g = numbers(33), numbers(33, seed=1)
    y, pulled = rrelu_vjp(x, *bounds)
    with jax.disable_jit():
        actual, pullback = jax.vjp(lambda x: rrelu(x, *bounds), x)
        check(actual, y)
        check(pullback(g)[0], pulled(g))


@pytest.mark.parametrize("rng", [KEY, key_of(KEY)], ids=["int", "key"])
def test_without_compiling(wide, rng):
    x, g = numbers(33), numbers(33, seed=1)
    with jax.disable_jit():
        y, pullback = jax.vjp(lambda x: train(x, rng), x)
        check(y, train(x))
        check(pullback(g)[0], pulled(x, g))


def test_slopes_of_float64_where_it_is_switched_off():
    """Arrays that are made then have no 64 bits, as everywhere in JAX; nothing is lost, for a slope is exact in float32."""
    with jax.enable_x64(True):
        x = jnp.asarray(numbers(33, "float64"))
    with pytest.warns(UserWarning, match="float64 .* will be truncated to dtype float32"):
        slopes = multirrelu.draw_slopes(x, rng=KEY)
    check(slopes, multirrelu.draw_slopes(numbers(33), rng=KEY))
    check(train(x), train(numbers(33, "float64")))
    check(rrelu(x), rrelu(numbers(33, "float64")))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_constant_slope_that_is_normal_once_it_is_rounded(wide, compiled):
    """XLA's own rounding of a double just below the least normal number would give zero."""
    slope, x = 2.0**-126 * (1 - 1.75 * 2.0**-25), np.float32([-1e30, -1.0, 2.0])
    check((jax.jit if compiled else lambda f: f)(lambda x: rrelu(x, slope, slope))(jnp.asarray(x)), rrelu(x, slope, slope))


def loss(x, rng):
    return train(x, rng).sum()


def one_for_each_step(x, rng):
    return jax.lax.scan(lambda x, rng: (train(x, rng), None), x, jax.random.split(rng))


def pulled_twice(x, rng):
    _, pullback = rrelu_vjp(x, training=True, rng=rng)
    return pullback(pullback(x))


def compiled_once(x, rng):
    program = jax.jit(train)
    return program(program(x, rng), rng)


ONE_USE = {
    "eager": train,
    "compiled": jax.jit(train),
    "both passes": jax.value_and_grad(loss),
    "both passes, compiled": jax.jit(jax.value_and_grad(loss)),
    "a checkpoint": jax.grad(jax.checkpoint(loss)),
    "a pullback, twice": pulled_twice,
    "evaluation before": lambda x, rng: train(rrelu(x, rng=rng), rng),
    "split": lambda x, rng: [train(x, one) for one in jax.random.split(rng)],
    "one for each example": lambda x, rng: jax.vmap(train, (None, 0))(x, jax.random.split(rng)),
    "one for each step": one_for_each_step,
    "cloned": lambda x, rng: (train(x, rng), multirrelu.draw_slopes(x, rng=jax.random.clone(rng))),
}
TWO_USES = {
    "eager": lambda x, rng: train(train(x, rng), rng),
    "compiled": jax.jit(lambda x, rng: train(train(x, rng), rng)),
    "compiled once": compiled_once,
    "both passes": jax.grad(lambda x, rng: loss(train(x, rng), rng)),
    "after JAX's": lambda x, rng: train(jax.random.normal(rng, x.shape), rng),
    "before JAX's": lambda x, rng: (train(x, rng), jax.random.normal(rng)),
}


@pytest.mark.parametrize("use", ONE_USE)
def test_a_key_that_is_used_once(use):
    with jax.debug_key_reuse(True):
        ONE_USE[use](jnp.asarray(numbers(8)), jax.random.key(5))


@pytest.mark.parametrize("use", TWO_USES)
def test_a_key_that_is_used_twice(use):
    with jax.debug_key_reuse(True), pytest.raises(jax.errors.KeyReuseError, match="consumed"):
        TWO_USES[use](jnp.asarray(numbers(8)), jax.random.key(5))


# Errors


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_no_rng(transform):
    with pytest.raises(TypeError, match=r"^JAX has no global generator: pass rng=jax\.random\.key\(seed\), or an int"):
        transform(lambda x: rrelu(x, training=True))(jnp.ones(3))


@pytest.mark.parametrize("make", [lambda: jnp.asarray(3.0), lambda: jax.random.split(jax.random.key(1), 2)], ids=["a float", "many keys"])
def test_what_is_no_key_when_traced(make):
    with pytest.raises(TypeError, match=r"^rng must be an int in .*, a JAX key(, .+)?, or None; got a DynamicJaxprTracer of jax of shape"):
        jax.jit(train)(jnp.ones(3), make())


@pytest.mark.parametrize("rng", [3, 2**31 - 1, -1, np.uint8(200)], ids=str)
@pytest.mark.parametrize("wide", [False, True], ids=["x64 off", "x64"])
def test_a_traced_integer_is_a_key(rng, wide):
    """Modulo 2**64, as any 0-d array of integers."""
    x = -jnp.ones(9, dtype="float32")
    with jax.enable_x64(wide):
        np.testing.assert_array_equal(jax.jit(train)(x, rng), train(x, int(rng) % 2**64))


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_nothing_is_written_to(transform):
    with pytest.raises(TypeError, match=r"^x is immutable: an? \w+ of \w+ of shape \(3,\) and dtype float32 cannot be written to"):
        transform(lambda x: rrelu(x, inplace=True))(jnp.ones(3))


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, jax.vmap], ids=["eager", "jit", "vmap"])
@pytest.mark.parametrize(
    "function",
    [rrelu, lambda x: rrelu(x, training=True, rng=1), lambda x: rrelu_vjp(x)[0], lambda x: multirrelu.draw_slopes(x, rng=1)],
    ids=["evaluation", "training", "vjp", "slopes"],
)
def test_the_hosts_memory_is_refused_by_name(function, transform):
    x = jnp.asarray(numbers((3, 4)))
    host = jax.device_put(x, jax.sharding.SingleDeviceSharding(jax.devices()[0], memory_kind="pinned_host"))
    message = r"^JAX arrays in pinned_host memory are not supported: pass jax\.device_put\(x, jax\.memory\.Space\.Device\)"
    with pytest.raises(TypeError, match=message):
        transform(function)(host)
    back = jax.device_put(host, jax.memory.Space.Device)
    assert np.asarray(transform(function)(back)).tobytes() == np.asarray(transform(function)(x)).tobytes()


def test_a_gate_in_the_hosts_memory_is_refused():
    x = jnp.asarray(numbers((3, 4)))
    host = jax.device_put(x, jax.sharding.SingleDeviceSharding(jax.devices()[0], memory_kind="pinned_host"))
    with pytest.raises((TypeError, ValueError), match=r"pinned_host|device"):
        multirrelu.scale(x, host, 0.5)

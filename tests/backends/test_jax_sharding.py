"""JAX arrays over several devices: the bits of the whole array on each of them, and nothing sent from one to another."""

from __future__ import annotations

import re

import pytest

import multirrelu
from multirrelu import Slopes, rrelu, rrelu_vjp

np = pytest.importorskip("numpy")
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.sharding import AxisType, NamedSharding, PartitionSpec  # noqa: E402

KEY = 0x123456789ABCDEF0
SHAPE = (16, 24, 8)
DEVICES = 8

pytestmark = pytest.mark.skipif(
    jax.device_count() < DEVICES, reason=f"needs {DEVICES} devices: XLA_FLAGS=--xla_force_host_platform_device_count={DEVICES}"
)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


@pytest.fixture(params=["Auto", "Explicit"])
def mesh(request):
    return jax.make_mesh((DEVICES,), ("devices",), axis_types=(getattr(AxisType, request.param),))


@pytest.fixture(params=[0, 1, 2], ids=lambda axis: f"axis {axis}")
def sharding(request, mesh):
    return NamedSharding(mesh, PartitionSpec(*[None] * request.param, "devices"))


def train(x, rng=KEY):
    return rrelu(x, training=True, rng=rng)


def gradient(x, g, rng=KEY):
    return jax.vjp(lambda x: train(x, rng), x)[1](g)[0]


def compiled(program, *arguments):
    return program.lower(*arguments).compile().as_text()


def collectives(program, *arguments):
    text = compiled(program, *arguments)
    return set(re.findall(r"all-gather|all-reduce|all-to-all|collective-[a-z]+|reduce-scatter|ragged-[a-z-]+|\bsend\b|\brecv\b", text))


def check(actual, expected, sharding=None):
    assert np.array_equal(np.asarray(actual), expected)
    if sharding is not None:
        assert actual.sharding.is_equivalent_to(sharding, actual.ndim)


def test_collectives_are_found(x, mesh):
    sharded = jax.device_put(x, NamedSharding(mesh, PartitionSpec("devices")))
    assert collectives(jax.jit(lambda x: x.sum(0)), sharded) == {"all-reduce"}


def test_training(x, sharding):
    sharded = jax.device_put(x, sharding)
    check(train(sharded), train(x), sharding)
    check(jax.jit(train)(sharded, jax.random.key(42)), train(x, 42), sharding)
    assert collectives(jax.jit(train), sharded, jax.random.key(42)) == set()


def test_a_shard_makes_its_own_slopes_alone(x, sharding):
    text = compiled(jax.jit(train), jax.device_put(x, sharding), jax.random.key(42))
    assert "u64[" in text
    assert "[16,24,8]" not in text


def test_evaluation(x, sharding):
    sharded = jax.device_put(x, sharding)
    check(jax.jit(rrelu)(sharded), rrelu(x), sharding)
    assert collectives(jax.jit(rrelu), sharded) == set()


def test_gradient(x, sharding):
    sharded, g = jax.device_put(x, sharding), jax.device_put(x[::-1], sharding)
    expected = rrelu_vjp(x, training=True, rng=42)[1](x[::-1])
    check(gradient(sharded, g, 42), expected, sharding)
    check(jax.jit(gradient)(sharded, g, jax.random.key(42)), expected, sharding)
    assert collectives(jax.jit(gradient), sharded, g, jax.random.key(42)) == set()


def test_pullback(x, sharding):
    sharded = jax.device_put(x, sharding)
    _, pullback = rrelu_vjp(sharded, training=True, rng=KEY)
    expected = rrelu_vjp(x, training=True, rng=KEY)[1]
    check(pullback(sharded), expected(x), sharding)
    check(pullback(jnp.ones(SHAPE)), expected(np.ones_like(x)), sharding)  # on no device in particular


def test_slopes(x, sharding):
    sharded, slopes = jax.device_put(x, sharding), jax.jit(lambda like: multirrelu.draw_slopes(like, rng=KEY))
    expected = multirrelu.draw_slopes(x, rng=KEY)
    check(multirrelu.draw_slopes(sharded, rng=KEY), expected, sharding)
    check(slopes(sharded), expected, sharding)
    assert collectives(slopes, sharded) == set()


def test_two_axes_of_a_mesh(x):
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)
    sharding = NamedSharding(mesh, PartitionSpec("a", None, "b"))
    sharded = jax.device_put(x, sharding)
    check(jax.jit(train)(sharded), train(x), sharding)
    assert collectives(jax.jit(train), sharded) == set()


def test_donated(x, sharding):
    sharded = jax.device_put(x, sharding)
    check(jax.jit(train, donate_argnums=0)(sharded), train(x), sharding)
    assert sharded.is_deleted()


def test_shard_map_with_a_key_for_each_device(x, mesh):
    """A shard is an array of its own there."""
    keys = jax.random.split(jax.random.key(1), DEVICES)
    seeds = [int(high) << 32 | int(low) for high, low in np.asarray(jax.random.key_data(keys))]
    split = PartitionSpec("devices")
    mapped = jax.shard_map(lambda x, keys: train(x, keys[0]), mesh=mesh, in_specs=(split, split), out_specs=split)
    shards = [np.asarray(shard) for shard in np.split(x, DEVICES)]
    placed = [jax.device_put(array, NamedSharding(mesh, split)) for array in (x, keys)]
    expected = np.concatenate([train(shard, seed) for shard, seed in zip(shards, seeds, strict=True)])
    check(jax.jit(mapped)(*placed), expected)
    assert collectives(jax.jit(mapped), *placed) == set()
    factors = [rrelu_vjp(shard, training=True, rng=seed)[1](np.ones_like(shard)) for shard, seed in zip(shards, seeds, strict=True)]
    check(jax.jit(jax.grad(lambda x, keys: mapped(x, keys).sum()))(*placed), np.concatenate(factors))


def test_shard_map_with_the_slopes_of_the_whole(x, mesh):
    """Each shard says where it begins."""
    size = x.size // DEVICES

    def shard(x):
        branches = [lambda x, i=i: multirrelu.scale(x, x, Slopes(1 / 8, 1 / 3, KEY, offset=i * size)) for i in range(DEVICES)]
        return jax.lax.switch(jax.lax.axis_index("devices"), branches, x)

    split = PartitionSpec("devices")
    mapped = jax.jit(jax.shard_map(shard, mesh=mesh, in_specs=split, out_specs=split))
    check(mapped(jax.device_put(x, NamedSharding(mesh, split))), train(x))


def test_arrays_committed_to_two_devices(x):
    one, other = (jax.device_put(x, device) for device in jax.devices()[:2])
    with pytest.raises(ValueError, match=r"^gate has device \w+[:_]1, but values has device \w+[:_]0$"):
        multirrelu.scale(one, other, 0.5)
    _, pullback = rrelu_vjp(one, training=True, rng=KEY)
    with pytest.raises(ValueError, match=r"^the cotangent has device \w+[:_]1, but y has device \w+[:_]0$"):
        pullback(other)


def test_array_on_another_device_than_the_first(x):
    there = jax.devices()[3]
    y = train(jax.device_put(x, there), jax.random.key(42))
    check(y, train(x, 42))
    assert y.devices() == {there}
    assert multirrelu.draw_slopes(jax.device_put(x, there), rng=1).devices() == {there}

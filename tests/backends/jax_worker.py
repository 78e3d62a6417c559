"""One of several processes that share JAX's devices: goes through the cases it is given, and writes what went wrong in each.

``python jax_worker.py COUNT NUMBER ADDRESS FILE CASE ...``: line after line, FILE gets the name of a case and its error, or null.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import multirrelu
from multirrelu import Slopes, rrelu, rrelu_vjp

DEVICES = 8  # of all processes together
KEY = 42
SHAPE = (16, 24, 8)
LAYOUTS = {  # the mesh, and what of it lies along each axis
    "axis 0": ("line", "i"),
    "axis 1": ("line", None, "i"),
    "axis 2": ("line", None, None, "i"),
    "devices in another order": ("shuffled", "i"),
    "explicit": ("explicit", None, "i"),
    "two axes": ("grid", "i", "j"),
    "two axes, crossed": ("grid", "j", None, "i"),
    "one axis twice": ("grid", None, ("i", "j")),
    "replicated in part": ("grid", None, "j"),
    "replicated": ("grid",),
}
COLLECTIVE = re.compile(r"all-gather|all-reduce|all-to-all|collective-[a-z]+|reduce-scatter|ragged-[a-z-]+|\bsend\b|\brecv\b")


def sharding(layout):
    kind, *parts = LAYOUTS[layout]
    shape, names = ((4, 2), ("i", "j")) if kind == "grid" else ((DEVICES,), ("i",))
    axis_types = (AxisType.Explicit if kind == "explicit" else AxisType.Auto,) * len(names)
    devices = jax.devices()
    if kind == "shuffled":
        devices = devices[::3] + devices[1::3] + devices[2::3]
    return NamedSharding(jax.make_mesh(shape, names, axis_types=axis_types, devices=devices), PartitionSpec(*parts))


def numbers(dtype="float32", seed=0, shape=SHAPE):
    """The same in every process; of both signs, and zeros of both."""
    x = np.random.default_rng(seed).normal(size=shape).astype(jnp.dtype(dtype))
    x.reshape(-1)[::7], x.reshape(-1)[1::7] = 0.0, -0.0
    return x


def spread(x, layout):
    """Return the array in one piece as a global one, of which each process makes its own chunks."""
    return jax.make_array_from_callback(x.shape, sharding(layout), x.__getitem__)


def check(actual, expected, layout):
    """Compare each chunk that this process has, bit for bit."""
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    assert actual.sharding.is_equivalent_to(sharding(layout), actual.ndim), f"{actual.sharding} in place of {sharding(layout)}"
    check_bits(actual, expected)


def check_bits(actual, expected):
    assert len(actual.addressable_shards) == jax.local_device_count()
    for shard in actual.addressable_shards:
        assert np.asarray(shard.data).tobytes() == expected[shard.index].tobytes(), f"other bits in chunk {shard.index}"


def alone(function, *arguments):
    """Return what the function gives when compiled, having looked that no process sends another anything."""
    program = jax.jit(function).lower(*arguments).compile()
    assert set(COLLECTIVE.findall(program.as_text())) == set()
    return program(*arguments)


# The operations on a whole array, each with what NumPy gives for an array in one piece


def training(x, rng=KEY):
    return rrelu(x, training=True, rng=rng)


def gradient(x, rng=KEY):
    return jax.vjp(lambda x: training(x, rng), x)[1](x)[0]


def slopes(x, rng=KEY):
    return multirrelu.draw_slopes(x, rng=rng)


def evaluation(x, rng=KEY):
    return rrelu(x)


OPERATIONS = {
    training: training,
    gradient: lambda x: rrelu_vjp(x, training=True, rng=KEY)[1](x),
    slopes: slopes,
    evaluation: evaluation,
}


def compiled(operation, layout, dtype="float32"):
    """The bits, and nothing is sent; the key is traced."""
    x = numbers(dtype)
    check(alone(operation, spread(x, layout), jax.random.key(KEY)), OPERATIONS[operation](x), layout)


def eager(operation, layout):
    x = numbers()
    check(operation(spread(x, layout)), OPERATIONS[operation](x), layout)


def of_dtype(operation, dtype):
    with jax.enable_x64(dtype == "float64"):
        compiled(operation, "two axes", dtype)


# Other ways to spread an array


def local_data():
    """Each process brings its rows."""
    x = numbers()
    mine = np.split(x, jax.process_count())[jax.process_index()]
    check(alone(training, jax.make_array_from_process_local_data(sharding("axis 0"), mine)), training(x), "axis 0")


def uneven():
    """JAX makes no array whose chunks differ in size, but within a program it pads them."""
    x = numbers(shape=(15, 3))
    try:
        spread(x, "axis 0")
    except ValueError as error:
        assert "should evenly divide the shape" in str(error)  # noqa: PT017
    else:
        raise AssertionError("JAX has uneven chunks now: test them like the others")
    program = jax.jit(lambda x: training(jax.lax.with_sharding_constraint(x, sharding("axis 0"))))
    check_bits(program(spread(x, "replicated")), training(x))


def offsets():
    """Within shard_map a shard says where it begins: one branch for each place, for an offset is a number, not an array."""
    x, layout = numbers(), sharding("axis 0")
    size = x.size // DEVICES
    places = [Slopes(1 / 8, 1 / 3, KEY, offset=place * size) for place in range(DEVICES)]

    def shard(x):
        return jax.lax.switch(jax.lax.axis_index("i"), [lambda x, place=place: multirrelu.scale(x, x, place) for place in places], x)

    mapped, chunks = jax.shard_map(shard, mesh=layout.mesh, in_specs=layout.spec, out_specs=layout.spec), spread(x, "axis 0")
    check(alone(mapped, chunks), training(x), "axis 0")
    check(alone(lambda x: jax.vjp(mapped, x)[1](x)[0], chunks), OPERATIONS[gradient](x), "axis 0")


def own_offset():
    """Outside of JAX's programs a process knows its place as a number."""
    x, place = numbers(), jax.process_index()
    mine = np.split(x, jax.process_count())[place]
    y = multirrelu.scale(jnp.asarray(mine), jnp.asarray(mine), Slopes(1 / 8, 1 / 3, KEY, offset=place * mine.size))
    check(jax.make_array_from_process_local_data(sharding("axis 0"), np.asarray(y)), training(x), "axis 0")


# Layers in a step of training, the batch spread over all devices

STEPS = 5


def batch():
    x = numbers(shape=(64, 10))
    return x, np.tanh(x @ numbers(seed=1, shape=(10, 1)))


def flax():
    """Return a function that trains, and gives the weights."""
    from flax import nnx

    from multirrelu.layers.flax import RReLU

    @nnx.jit
    def step(model, x, target):
        gradients = nnx.grad(lambda model: ((model(x) - target) ** 2).mean())(model)
        nnx.update(model, descended(nnx.state(model, nnx.Param), gradients))

    def train(x, target, seed):
        rngs = nnx.Rngs(0)
        model = nnx.Sequential(nnx.Linear(10, 32, rngs=rngs), RReLU(rngs=nnx.Rngs(seed)), nnx.Linear(32, 1, rngs=rngs))
        for _ in range(STEPS):
            step(model, x, target)
        return jax.tree.leaves(nnx.state(model, nnx.Param))

    return train


def equinox():
    """Return a function that trains, and gives the weights."""
    import equinox as eqx

    from multirrelu.layers.equinox import RReLU

    act = RReLU()

    @eqx.filter_jit
    def step(layers, x, target, key):
        def loss(layers):
            first, last = (jax.vmap(layer) for layer in layers)
            return ((last(act(first(x), key=key)) - target) ** 2).mean()

        return descended(layers, eqx.filter_grad(loss)(layers))

    def train(x, target, seed):
        layers = [eqx.nn.Linear(*sizes, key=jax.random.key(sizes[0])) for sizes in ((10, 32), (32, 1))]
        for key in jax.random.split(jax.random.key(seed), STEPS):
            layers = step(layers, x, target, key)
        return jax.tree.leaves(layers)

    return train


def descended(weights, gradients):
    return jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradients)


def layer(made):
    """The sums over the batch are rounded otherwise, but by much less than other slopes would change them."""
    train, data = made(), batch()
    single, other = (train(*map(jnp.asarray, data), seed) for seed in (0, 1))
    together = train(*(spread(array, "axis 0") for array in data), 0)
    assert all(len(w.sharding.device_set) == DEVICES for w in together)
    assert distance(together, single) < 1e-6
    assert distance(other, single) > 1e-3


def distance(some, others):
    """Return by how much weights differ at most, as this process has them."""
    pairs = zip(*([np.asarray(w.addressable_data(0)) for w in weights] for weights in (some, others)), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


CASES = {
    **{f"{operation.__name__}, {layout}": partial(compiled, operation, layout) for operation, layout in product(OPERATIONS, LAYOUTS)},
    **{f"{operation.__name__}, eager": partial(eager, operation, "two axes") for operation in OPERATIONS},
    **{
        f"{operation.__name__}, {dtype}": partial(of_dtype, operation, dtype)
        for operation, dtype in product((training, gradient), ("float16", "bfloat16", "float64"))
    },
    **{case.__name__.replace("_", " "): case for case in (local_data, uneven, offsets, own_offset)},
    **{f"{made.__name__} layer": partial(layer, made) for made in (flax, equinox) if find_spec(made.__name__)},
}
FEW = [name for name in CASES if name.endswith(("two axes", "another order", "local data", "own offset"))]


def main(count, number, address, file, *names):
    jax.config.update("jax_num_cpu_devices", DEVICES // count)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, count, number, coordinator_bind_address=address, cluster_detection_method="deactivate")
    assert (jax.process_count(), jax.device_count()) == (count, DEVICES)
    with Path(file).open("w", encoding="utf-8") as results:
        for name in names:
            try:
                CASES[name]()
                error = None
            except Exception:  # noqa: BLE001 # whatever it is, it is what the test shows
                error = traceback.format_exc()
            print(json.dumps([name, error]), file=results, flush=True)
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])

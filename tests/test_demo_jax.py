"""The demo in JAX: the same keys, and so the same curve as in NumPy."""

from __future__ import annotations

from dataclasses import replace

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
for name in ("sklearn", "matplotlib", "rich", "threadpoolctl"):
    pytest.importorskip(name)

from multirrelu.cli.demo import task, trainers  # noqa: E402

# What an old Matplotlib asks of a new pyparsing is not ours to put right.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(matplotlib|pyparsing)")

# Sums of float32 in another order: after 40 steps the curves were seen to differ by 3e-7, and by 8e-5 where one key was changed.
TOLERANCE = 2e-6


@pytest.fixture(scope="module")
def small():
    return task.make_task(3, task.Settings(epochs=4, hidden=(16, 12)))


def losses(library, problem, bounds):
    points = trainers.load(library)(problem, bounds, lambda: None)
    return np.array([[point.train_loss, point.test_loss] for point in points])


@pytest.mark.parametrize("name", ["leaky ReLU 0.229", "RReLU"])
def test_the_curve_is_that_of_numpy(small, name):
    bounds, done = task.ACTIVATIONS[name], []
    points = trainers.load("jax")(small, bounds, lambda: done.append(1))
    assert len(points) == len(done) == 4
    np.testing.assert_allclose(points, trainers.load("numpy")(small, bounds, lambda: None), rtol=TOLERANCE)
    assert points[-1].train_loss < points[0].train_loss


def test_the_curve_is_that_of_its_keys(small):
    keys = [[[key + (epoch == step == 0) for key in keys] for step, keys in enumerate(steps)] for epoch, steps in enumerate(small.keys)]
    one, other = (losses("jax", problem, task.ACTIVATIONS["RReLU"]) for problem in (small, replace(small, keys=keys)))
    assert (abs(one / other - 1) > 10 * TOLERANCE).all()


def test_words_of_keys():
    from multirrelu.cli.demo.trainers.jax import words

    assert words([[5, 2**32], [2**63 + 7, 2**64 - 1]]).tolist() == [[[0, 5], [1, 0]], [[2**31, 7], [2**32 - 1, 2**32 - 1]]]


def test_command_offers_it():
    assert "jax" in trainers.names()

"""The speeds beside other libraries that pages state are those that are kept under benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def results(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def ratio(name, case, peer):
    """Return how many times as fast ours is, in float32."""
    (row,) = (row for row in results(name)["rows"] if (row["case"], row["dtype"]) == (case, "float32"))
    return row["ratios"][peer]


def training(*cases):
    """Return how many times as fast ours is as PyTorch's own RReLU."""
    return [ratio("torch-cpu", case, "F.rrelu") for case in cases]


def at(library, case, elements):
    """Return the row of a size."""
    return next(row for row in results("sizes")["rows"] if (row["library"], row["case"], row["elements"]) == (library, case, elements))


def micros(library, case, elements, peer=False):
    """Return the microseconds of a call."""
    (seconds,) = (took for name, took in at(library, case, elements)["seconds"].items() if (name != "multirrelu") == peer)
    return 1e6 * seconds


def wins_from(library, case):
    """Return the measured size from which on ours is the faster one."""
    rows = [row for row in results("sizes")["rows"] if (row["library"], row["case"]) == (library, case)]
    lost = [row["elements"] for row in rows if row["ratio"] < 1]
    return min(row["elements"] for row in rows if row["elements"] > max(lost, default=0))


def call():
    """Return what a forward call of one element takes, ours and PyTorch's own."""
    return [micros("PyTorch", "forward", 1), micros("PyTorch", "forward", 1, peer=True)]


def of_widest(case, dtype, vectors):
    """Return the speed of narrower vectors as a part of that of the widest."""
    (row,) = (row for row in results("vectors-cpu")["rows"] if (row["case"], row["dtype"]) == (case, dtype))
    return 1 / row["ratios"][vectors]


def as_long(case):
    """Return how many times as long a case takes as training on a contiguous array, on NumPy."""
    took = {row["case"]: row["seconds"]["multirrelu"] for row in results("numpy-cpu")["rows"] if row["dtype"] == "float32"}
    return took[case] / took["training"]


BY_HAND = "jnp.where(x >= 0, x, x * jax.random.uniform(...))"
STATED = [
    ("README.md", "training is {:.0f} times as fast as `torch.nn.functional.rrelu`", training("training")),
    (
        "README.md",
        "{:.0f} to {:.0f} times as fast as what users of JAX and NumPy write by hand",
        [ratio("jax-cpu", "training", BY_HAND), ratio("numpy-cpu", "training", "np.where(x >= 0, x, x * rng.uniform(...))")],
    ),
    *(
        entry
        for page in ("README.md", "docs/moving.md")
        for entry in (
            (page, "elements of float32 | 1 | {:.0f} times as fast |", training("training")),
            (page, "| small tensors | 1 | slower: a call takes {:.0f} \u00b5s, PyTorch's {:.0f} \u00b5s |", call()),
        )
    ),
    (
        "docs/moving.md",
        "`nn.RReLU` is faster below about {:,} elements in a forward pass, and below about {:,} in a forward and backward pass",
        [wins_from("PyTorch", "forward"), wins_from("PyTorch", "both passes")],
    ),
    (
        "docs/libraries/torch.md",
        "training is {:.0f} times as fast as `torch.nn.functional.rrelu`, both passes together are {:.1f} times as fast,",
        training("training", "both_passes"),
    ),
    (
        "docs/libraries/torch.md",
        "and evaluation reaches {:.2f} of the speed of `leaky_relu`.",
        [ratio("torch-cpu", "evaluation", "F.leaky_relu")],
    ),
    (
        "docs/libraries/torch.md",
        "A call takes {:.0f} \u00b5s, PyTorch's {:.0f} \u00b5s: below {:,} elements PyTorch's forward pass is faster.",
        [*call(), wins_from("PyTorch", "forward")],
    ),
    (
        "docs/libraries/numpy.md",
        "takes {:.1f} times as long as a contiguous array, and rows of 1,024 elements of a matrix that is twice as wide {:.1f} times.",
        [as_long("transposed"), as_long("rows")],
    ),
    (
        "docs/libraries/numpy.md",
        "on one core {:.1f} times as fast as PyTorch's RReLU.",
        [ratio("numpy-cpu", "without_numba", "torch.nn.functional.rrelu")],
    ),
    (
        "docs/libraries/jax.md",
        "training is {:.1f} times as fast as `" + BY_HAND + "`, and the forward and backward pass together {:.1f} times.",
        [ratio("jax-cpu", case, BY_HAND) for case in ("training", "both passes")],
    ),
    (
        "docs/libraries/jax.md",
        "training reaches {:.1f} of its speed, and both passes {:.1f}.",
        [ratio("jax-cpu", case, "jax.nn.leaky_relu") for case in ("training", "both passes")],
    ),
    (
        "docs/libraries/dask.md",
        "On the machine below it took {:.1f} ms for each task,",
        [results("dask")["figures"]["the scheduler's time a task (ms)"][0]],
    ),
    ("docs/faq.md", "in PyTorch it takes {:.0f} \u00b5s where `torch.nn.functional.rrelu` takes {:.0f} \u00b5s.", call()),
    (
        "docs/benchmarks.md",
        "PyTorch's own `rrelu` is faster below {:,} elements in the forward pass, and below {:,} in both passes",
        [wins_from("PyTorch", "forward"), wins_from("PyTorch", "both passes")],
    ),
    (
        "docs/benchmarks.md",
        "training reaches {:.2f} of the speed of AVX-512 with AVX2 (float64: {:.2f}) and {:.1f} with SSE;",
        [of_widest("training", "float32", "AVX2"), of_widest("training", "float64", "AVX2"), of_widest("training", "float32", "SSE2")],
    ),
    (
        "docs/benchmarks.md",
        "evaluation is as fast with AVX2, and {:.1f} as fast with SSE.",
        [of_widest("evaluation", "float32", "SSE2")],
    ),
]


@pytest.mark.parametrize(("page", "sentence", "values"), STATED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_page_states_what_was_measured(page, sentence, values):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert sentence.format(*values) in text

"""What `gpu` measures: the calls of each library, and what they stand beside."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import multirrelu
from multirrelu.bounds import lattice, midpoint

BOUNDS = (1 / 8, 1 / 3)
DTYPES = {"float32": 4, "bfloat16": 2, "float64": 8}
COPY, OURS = "copy", "multirrelu"
MOST = 12  # arrays of the size measured that are there at one time: a composition in float32 takes several for each of bfloat16
Work = dict[str, Callable[[], object]]

# What a kernel is that makes a Philox block for each element and uses a quarter of it.
AN_ELEMENT_A_BLOCK = """
unsigned c0 = i >> 2, c1 = i >> 34, c2 = 0, c3 = 0, k0 = key, k1 = key >> 32;
for (int round = 0; round < 10; ++round) {
    unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0; c1 = p1; c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1; c3 = p0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
}
unsigned word = (i & 3) < 2 ? ((i & 3) ? c1 : c0) : ((i & 3) == 2 ? c2 : c3);
WIDE slope = (low + (int)((unsigned long long)word * span >> 32)) * (WIDE)unit, wide = (WIDE)x;
y = wide <= 0 ? (T)(wide * slope) : x;
"""


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """Why something is not measured."""


def need(free: int, dtype: str, elements: int) -> None:
    """Raise where a GPU's memory is too small."""
    if free < (wanted := MOST * elements * DTYPES[dtype]):
        raise Skipped(f"{free / 2**30:.1f} GiB of memory are free, of {wanted / 2**30:.1f} that may be needed")


def cupy_work(dtype: str, elements: int) -> dict[str, Work]:
    """Return what CuPy's arrays are put through."""
    import cupy

    if dtype == "bfloat16" and "ml_dtypes" not in sys.modules:  # which CuPy imports, if it can use it
        raise Skipped("CuPy takes bfloat16 from ml_dtypes, which is not installed")
    need(cupy.cuda.runtime.memGetInfo()[0], dtype, elements)
    kind = sys.modules["ml_dtypes"].bfloat16 if dtype == "bfloat16" else dtype
    wide = "float64" if dtype == "float64" else "float32"
    x = cupy.random.standard_normal(elements, dtype=wide).astype(kind)
    y, g, out = cupy.empty_like(x), cupy.ones_like(x), cupy.empty_like(x)
    points = lattice(*BOUNDS)
    body = AN_ELEMENT_A_BLOCK.replace("WIDE", "double" if wide == "float64" else "float")
    naive = cupy.ElementwiseKernel("T x, uint64 key, int32 low, uint32 span, float64 unit", "T y", body, f"an_element_a_block_{wide}")
    _, pull = multirrelu.rrelu_vjp(x, *BOUNDS, training=True, rng=1, out=y)
    assert bool((naive(x, 1, *points) == y).all()), "the slopes of the kernel with a block an element are others"

    def composition() -> object:
        noise = cupy.random.uniform(*BOUNDS, x.shape, dtype=wide)
        return cupy.where(x >= 0, x, x * noise).astype(kind, copy=False)

    def both() -> object:
        _, pullback = multirrelu.rrelu_vjp(x, *BOUNDS, training=True, rng=1, out=y)
        return pullback(g, out=out)

    copy = {COPY: lambda: cupy.copyto(y, x)}
    return {
        "training": {
            OURS: lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1, out=y),
            **copy,
            "multirrelu, a new array": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1),
            "ElementwiseKernel, a block an element": lambda: naive(x, 1, *points, y),
            "cupy.where(x >= 0, x, x * cupy.random.uniform(...))": composition,
        },
        "pullback": {OURS: lambda: pull(g, out=out), **copy},
        "forward and backward": {OURS: both, **copy},
        "evaluation": {OURS: lambda: multirrelu.rrelu(x, *BOUNDS, out=y), **copy},
    }


def torch_work(dtype: str, elements: int) -> dict[str, Work]:
    """Return what PyTorch's CUDA tensors are put through: Triton's kernel by itself, and what users call."""
    import torch

    from multirrelu_backends._triton import scale

    need(torch.cuda.mem_get_info()[0], dtype, elements)
    x = torch.randn(elements, device="cuda").to(getattr(torch, dtype))
    y, g, leaf, points = torch.empty_like(x), torch.ones_like(x), x.detach().requires_grad_(), lattice(*BOUNDS)
    theirs, leaky = torch.nn.functional.rrelu, torch.nn.functional.leaky_relu

    def both(activation: Callable[..., Any], **options: Any) -> Callable[[], object]:
        return lambda: torch.autograd.grad(activation(leaf, *BOUNDS, training=True, **options), leaf, g)

    copy = {COPY: lambda: y.copy_(x)}
    return {
        "training": {
            OURS: lambda: scale(x, x, y, points, 1),
            **copy,
            "multirrelu.rrelu, a new tensor": lambda: multirrelu.rrelu(x, *BOUNDS, training=True, rng=1),
            "torch.nn.functional.rrelu": lambda: theirs(x, *BOUNDS, training=True),
        },
        "pullback": {OURS: lambda: scale(g, x, y, points, 1), **copy},
        "forward and backward": {OURS: both(multirrelu.rrelu, rng=1), **copy, "torch.nn.functional.rrelu": both(theirs)},
        "evaluation": {
            OURS: lambda: multirrelu.rrelu(x, *BOUNDS),
            COPY: x.clone,
            "torch.nn.functional.leaky_relu": lambda: leaky(x, midpoint(*BOUNDS)),
            "torch.nn.functional.rrelu": lambda: theirs(x, *BOUNDS),
        },
    }

"""PyTorch tensors: the fused kernels on their memory, with autograd, `torch.func`, `torch.compile` and sparse layouts around them."""

from array_api_compat import torch as namespace

from multirrelu.contract import Backend

from . import compiled, keys, plain
from .checks import check
from .devices import describe
from .routes import draw, scale

__all__ = ["backend", "scale"]

compiled.prepare()
backend = Backend(
    scale=scale,
    draw=draw,
    namespace=namespace,
    writeable=True,
    check=check,
    memory=plain.placement,
    source=keys.source,
    default_key=keys.default_key,
    accepts="a torch.Generator",
    describe=describe,
)

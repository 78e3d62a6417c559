"""PyTorch tensors: the fused kernels on their memory, with autograd, `torch.func`, `torch.compile` and sparse layouts around them."""

from array_api_compat import torch as namespace

from multirrelu.contract import Backend

from . import compiled, keys, plain
from .checks import check
from .devices import describe
from .indexed import scale_at
from .routes import draw, scale

__all__ = ["backend", "scale", "scale_at"]

compiled.prepare()
backend = Backend(
    scale=scale,
    scale_at=scale_at,
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

"""Randomized leaky ReLU with the same bits in NumPy, PyTorch, JAX and other array libraries."""

from . import layers
from ._registry import backend_for, register
from .contract import Backend, Slopes
from .layer import RReLU
from .primitive import scale, scale_at
from .rrelu import draw_slopes, rrelu, rrelu_vjp

__all__ = ["Backend", "RReLU", "Slopes", "backend_for", "draw_slopes", "layers", "register", "rrelu", "rrelu_vjp", "scale", "scale_at"]
__version__ = "0.1.0.dev0"


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

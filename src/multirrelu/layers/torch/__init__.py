"""PyTorch: a layer, a function, and what puts the layer in the place of ``torch.nn.RReLU`` and takes it away again."""

from .convert import convert_rrelu, restore_rrelu
from .functional import rrelu
from .layer import RReLU

__all__ = ["RReLU", "convert_rrelu", "restore_rrelu", "rrelu"]

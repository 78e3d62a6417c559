"""RReLU for PyTorch: a layer, a function, and the conversion of models from ``torch.nn.RReLU`` and back."""

from .convert import convert_rrelu, restore_rrelu
from .functional import rrelu
from .layer import RReLU

__all__ = ["RReLU", "convert_rrelu", "restore_rrelu", "rrelu"]

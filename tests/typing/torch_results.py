"""Only type-checked, where PyTorch is installed: a tensor in, a tensor out, and a model stays of its class."""

from typing import assert_type

import torch
from torch import nn

import multirrelu
from multirrelu.layers.torch import RReLU, convert_rrelu, restore_rrelu, rrelu


def of_tensors(x: torch.Tensor) -> None:
    assert_type(multirrelu.rrelu(x, training=True), torch.Tensor)
    assert_type(rrelu(x, 0.1, 0.3, True), torch.Tensor)
    assert_type(RReLU().forward(x), torch.Tensor)
    assert_type(RReLU()(x), torch.Tensor)
    assert_type(RReLU().eval(), RReLU)
    assert_type(multirrelu.layers.torch.RReLU(), RReLU)


def of_models(model: nn.Sequential) -> None:
    assert_type(convert_rrelu(model), nn.Sequential)
    assert_type(restore_rrelu(model), nn.Sequential)

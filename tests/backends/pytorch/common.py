"""What the tests of the PyTorch backend share: both activations as modules, and the factor that a call applied."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from multirrelu import draw_slopes
from multirrelu.layers.torch import RReLU

SILENTLY_WRONG = "https://github.com/pytorch/pytorch/issues/193671: nn.RReLU saves its noise before it is drawn"
NO_BATCHING_RULE = "vmap: we do not yet support aten::rrelu"
LOWER, UPPER = 1 / 8, 1 / 3


def ours_and_theirs(reason: str, raises: type[Exception]):
    """Parametrise a test by our layer and by ``nn.RReLU``, which must fail it, for this reason and in this way."""
    theirs = pytest.param(nn.RReLU, marks=pytest.mark.xfail(strict=True, reason=reason, raises=raises), id="torch.nn")
    return pytest.mark.parametrize("layer", [pytest.param(RReLU, id="multirrelu"), theirs])


def factor(x, key, lower=LOWER, upper=UPPER):
    """Return what training with a key multiplies each element by, and the derivative too."""
    slopes = draw_slopes(x.detach(), lower, upper, rng=key)
    return torch.where(x.detach() <= 0, slopes, torch.ones_like(slopes)).to(x.dtype)


def applied(x, y):
    """Return what `y` is `x` times of, where neither is zero."""
    return torch.where(x > 0, torch.ones_like(x), y / x).detach()

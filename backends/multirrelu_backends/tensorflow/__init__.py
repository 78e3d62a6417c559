"""TensorFlow tensors: the fused kernel for eager tensors on the CPU; TensorFlow's own Philox, which is the standard's, in graphs."""

from __future__ import annotations

import multirrelu
from multirrelu.contract import Backend

from . import namespace
from .keys import default_key, source
from .routes import check, describe, draw, scale, scale_at

__all__ = ["backend", "scale"]

for function in (multirrelu.rrelu, multirrelu.rrelu_vjp, multirrelu.draw_slopes, multirrelu.scale, multirrelu.scale_at):
    # AutoGraph need not convert these, https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/python/autograph/impl/api.py
    vars(function)["autograph_info__"] = {"do_not_convert": True}

backend = Backend(
    scale=scale,
    scale_at=scale_at,
    draw=draw,
    namespace=namespace,
    writeable=False,
    check=check,
    memory=lambda array: None,
    source=source,
    default_key=default_key,
    accepts="a tf.random.Generator",
    describe=describe,
)

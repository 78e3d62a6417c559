"""The activation: the band in which a result can lie, the slope of evaluation, and what one key gives."""

import matplotlib.pyplot as plt
import numpy as np
import style

import multirrelu

LOWER, UPPER = 1 / 8, 1 / 3
x = np.linspace(-4, 2, 601)
left = x[x <= 0]

style.use()
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.fill_between(left, LOWER * left, UPPER * left, color=style.BLUE, alpha=0.25, linewidth=0, label="where a result can lie in training")
axes.plot(x, multirrelu.rrelu(x, training=True, rng=42), ".", color=style.BLUE, markersize=3, label="training, key 42")
axes.plot(x, multirrelu.rrelu(x), color=style.ORANGE, linewidth=1.5, label="evaluation")
axes.set(xlabel="x", ylabel="rrelu(x)", title="rrelu with the default bounds, 1/8 and 1/3")
axes.grid()
axes.legend()

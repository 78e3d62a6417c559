"""The law of the slopes in the paper, whose inverse is uniform, beside the uniform law, with the constants of test time."""

import matplotlib.pyplot as plt
import numpy as np
import style

import multirrelu

COUNT, BINS = 1 << 20, 50
uniform = multirrelu.draw_slopes(np.zeros(COUNT, dtype=np.float32), rng=42)
inverse = 1 / multirrelu.draw_slopes(np.zeros(COUNT, dtype=np.float32), 3, 8, rng=42)

style.use()
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
laws = (("paper: 1/a, a from U(3, 8)", inverse, style.ORANGE, 2 / 11), ("nn.RReLU, multirrelu: U(1/8, 1/3)", uniform, style.BLUE, 11 / 48))
for label, slopes, colour, tested in laws:
    axes.hist(slopes, bins=BINS, range=(1 / 8, 1 / 3), density=True, histtype="step", linewidth=1.6, color=colour, label=label)
    axes.axvline(slopes.mean(), color=colour, linestyle=":", label=f"mean in training, {slopes.mean():.3f}")
    axes.axvline(tested, color=colour, linestyle="--", label=f"at test time, {tested:.3f}")
axes.set(xlabel="slope", ylabel="density")
axes.legend(fontsize=8)

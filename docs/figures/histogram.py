"""A million slopes of one key beside the uniform law, with the noise that independent uniform draws would have."""

import matplotlib.pyplot as plt
import numpy as np
import style

import multirrelu

LOWER, UPPER, COUNT, BINS = 1 / 8, 1 / 3, 1 << 20, 60
slopes = multirrelu.draw_slopes(np.zeros(COUNT, dtype=np.float32), LOWER, UPPER, rng=42)
counts, edges = np.histogram(slopes, bins=BINS, range=(LOWER, UPPER))
expected = COUNT / BINS
spread = (expected * (1 - 1 / BINS)) ** 0.5  # of a binomial count

style.use()
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.axhspan(expected - 2 * spread, expected + 2 * spread, color=style.ORANGE, alpha=0.25, lw=0, label="two standard deviations")
axes.axhline(expected, color=style.ORANGE, linewidth=1.2, label="uniform distribution")
axes.stairs(counts, edges, color=style.BLUE, linewidth=1.6, label=f"{COUNT:,} slopes of key 42")
outside = int(np.sum(abs(counts - expected) > 2 * spread))
axes.set(
    xlabel="slope",
    ylabel=f"slopes in each of {BINS} bins",
    title=f"{outside} of {BINS} bins outside the band; {0.0455 * BINS:.1f} expected by chance",
)
axes.set_ylim(expected - 6 * spread, expected + 8 * spread)
axes.legend(ncols=3, loc="upper center", fontsize=8)

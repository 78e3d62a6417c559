"""The demo's first network, trained in three libraries as the site is built: the losses lie on each other, and how little they part."""

import matplotlib.pyplot as plt
import numpy as np
import style

from multirrelu.cli.demo import trainers
from multirrelu.cli.demo.task import ACTIVATIONS, Settings, make_task

NAMES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
LINES = {"numpy": (style.BLUE, "-", 5), "torch": (style.ORANGE, "--", 2), "jax": (style.GREEN, ":", 2.5)}

task = make_task(0, Settings(seeds=1))
losses = {name: np.array([point.train_loss for point in trainers.load(name)(task, ACTIVATIONS["RReLU"], lambda: None)]) for name in NAMES}
epochs = range(1, task.settings.epochs + 1)

style.use()
figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.4), sharex=True, height_ratios=(3, 2), layout="constrained")
for name, loss in losses.items():
    colour, dash, width = LINES[name]
    above.semilogy(epochs, loss, dash, color=colour, linewidth=width, alpha=0.5 if name == "numpy" else 1, label=NAMES[name])
    if name != "numpy":
        apart = np.maximum(abs(loss / losses["numpy"] - 1), 1e-9)  # a logarithmic axis has no place for none
        below.semilogy(epochs, apart, dash, color=colour, linewidth=2, label=f"{NAMES[name]} and NumPy")
above.set(ylabel="training loss", title="One network of the demo, trained in three libraries")
below.set(xlabel="epoch", ylabel="relative difference")
for axes in (above, below):
    axes.grid()
    axes.legend()

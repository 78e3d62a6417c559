"""Time over size, as it is kept in benchmarks/results/sizes.json, a function for each library."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import style

RESULTS = Path.cwd().parents[1] / "benchmarks" / "results"  # where the site is built, the folder of this file is the current one


def draw(library: str) -> None:
    """Draw both cases of a library side by side."""
    style.use()
    rows = [r for r in json.loads((RESULTS / "sizes.json").read_text(encoding="utf-8"))["rows"] if r["library"] == library]
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
    for panel, case in zip(panels, ("forward", "both passes"), strict=True):
        of_case = [r for r in rows if r["case"] == case]
        for name in of_case[0]["seconds"]:
            colour = style.ORANGE if name == "multirrelu" else style.BLUE
            sizes = [r["elements"] for r in of_case]
            panel.plot(sizes, [1e6 * r["seconds"][name] for r in of_case], "o-", color=colour, markersize=3, label=name.partition("(")[0])
        panel.set_xscale("log", base=2)
        panel.set_xticks([1 << power for power in range(0, of_case[-1]["elements"].bit_length(), 4)])
        panel.set_yscale("log")
        panel.set_title(case, fontsize=11)
        panel.set_xlabel("elements, float32")
        panel.grid(visible=True)
    panels[0].set_ylabel("microseconds a call")
    panels[0].legend(fontsize=10)
    figure.suptitle(library, fontsize=12)


def numpy() -> None:
    """NumPy's."""
    draw("NumPy")


def torch() -> None:
    """PyTorch's."""
    draw("PyTorch")


def jax() -> None:
    """JAX's."""
    draw("JAX")

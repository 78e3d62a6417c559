"""``python -m multirrelu demo``: train the classifiers, print the table, write the picture and the curves."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ..demo import trainers
from . import screen
from .arguments import positive
from .exits import FINE, Refused, need

if TYPE_CHECKING:
    from ..demo.result import Result
    from ..demo.task import Settings

ABOUT = """\
Train ReLU, leaky ReLU and RReLU side by side on handwritten digits.

Small networks learn from few images, so that overfitting can be seen: half a
minute with NumPy. The table goes to the terminal, the curves to a picture and,
as JSON, to a file beside it. Every library gets the same weights, batches and
slopes, so that their curves differ by what rounding does to a training."""
EXAMPLES = """\
  python -m multirrelu demo
  python -m multirrelu demo --quick
  python -m multirrelu demo --library torch --overlay multirrelu-demo-numpy.json
"""
NEEDS = {"numpy": "numpy", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the demo without importing its dependencies."""
    names = trainers.names()
    parser.add_argument("--library", choices=names, default="numpy", metavar="NAME", help="%(choices)s: what trains (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="PNG", help="default: multirrelu-demo-LIBRARY.png; the curves go beside it")
    parser.add_argument("--overwrite", action="store_true", help="replace a picture and curves that are there")
    parser.add_argument("--overlay", type=Path, nargs="+", default=[], metavar="JSON", help="curves of earlier runs, drawn too")
    parser.add_argument("--seeds", type=positive, metavar="N", help="networks for each activation (default: 20)")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the training images (default: 60)")
    parser.add_argument("--hidden", type=positive, nargs="+", metavar="N", help="units of the hidden layers (default: 32, six times)")
    parser.add_argument("--quick", action="store_true", help="small networks, 2 seeds, 3 epochs: does it run?")


def run(args: argparse.Namespace) -> int:
    """Run the demo and return the exit code."""
    need("the demo", NEEDS | {args.library: args.library}, "demo", *({args.library} - NEEDS.keys()))
    from ..demo import result

    path = args.output or Path(f"multirrelu-demo-{args.library}.png")
    try:
        check_output(path, args.overwrite)
        earlier = [replace(result.load(file), label=file.stem) for file in args.overlay]
        trainer = trainers.load(args.library)
    except (ImportError, OSError, ValueError) as error:
        raise Refused(str(error)) from error
    made = train(trainer, args.library, settings_of(args))
    result.save(made, path.with_suffix(".json"))
    show([made, *earlier], path)
    return FINE


def check_output(path: Path, overwrite: bool) -> None:
    """Raise if the output cannot be written, before minutes are spent on training."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"the picture is a PNG, so its name must end in .png: {path}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    there = [str(file) for file in (path, path.with_suffix(".json")) if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{' and '.join(there)} would be written over: name another --output, or add --overwrite")


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings of the experiment, as the options change them."""
    from ..demo.task import Settings

    default = Settings(seeds=2, epochs=3, hidden=(32, 32)) if args.quick else Settings()
    return replace(
        default,
        seeds=args.seeds or default.seeds,
        epochs=args.epochs or default.epochs,
        hidden=tuple(args.hidden or default.hidden),
    )


def train(trainer: trainers.Trainer, library: str, settings: Settings) -> Result:
    """Train every activation on every seed, and show the progress."""
    from ..demo.result import Curve, Result
    from ..demo.task import ACTIVATIONS, make_task

    screen.say(f"{library}: training {settings.seeds} networks each with {', '.join(ACTIVATIONS)}")
    curves = []
    with screen.progress(len(ACTIVATIONS) * settings.seeds * settings.epochs) as step:
        for seed in range(settings.seeds):
            task = make_task(seed, settings)
            for name, bounds in ACTIVATIONS.items():
                step(0, doing=f"seed {seed}, {name}")
                curves.append(Curve(name, seed, trainer(task, bounds, step)))
    return Result(trainers.label(library), versions(library), asdict(settings), curves)


def versions(library: str) -> dict[str, str]:
    """Return the versions of the packages that made the curves."""
    return {"multirrelu": version("multirrelu"), library: version(library), "python": platform.python_version()}


def show(results: Sequence[Result], path: Path) -> None:
    """Print the table, draw the picture, and print its path."""
    from ..demo import picture, table

    for result in results:
        screen.say(f"\n{table.title(result)}\n")
        screen.show(table.HEADER, table.rows(result), right=table.HEADER[1:])
    picture.draw(results, path)
    print(f"\npicture: {path}\ncurves:  {path.with_suffix('.json')}")

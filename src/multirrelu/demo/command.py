"""``python -m multirrelu demo``: train, print the table, write the picture and the curves."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from . import trainers

if TYPE_CHECKING:
    from .result import Result
    from .task import Settings

NEEDS = {"numpy": "numpy", "sklearn": "scikit-learn", "matplotlib": "matplotlib", "rich": "rich"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the demo's options; nothing that it needs is imported for that."""
    parser.add_argument("--library", choices=trainers.names(), default="numpy", help="what trains (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="PNG", help="default: multirrelu-demo-LIBRARY.png; the curves go beside it")
    parser.add_argument("--overlay", type=Path, nargs="+", default=[], metavar="JSON", help="curves of earlier runs, drawn too")
    parser.add_argument("--seeds", type=positive, metavar="N", help="networks for each activation (default: 20)")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the training images (default: 60)")
    parser.add_argument("--hidden", type=positive, nargs="+", metavar="N", help="units of the hidden layers (default: 32, six times)")
    parser.add_argument("--quick", action="store_true", help="small networks, 2 seeds, 3 epochs: does it run?")


def positive(text: str) -> int:
    """Return a number of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run(args: argparse.Namespace) -> int:
    """Run the demo and return the exit code: 2 where something that it needs is missing."""
    missing = [package for module, package in (NEEDS | {args.library: args.library}).items() if find_spec(module) is None]
    if missing:
        extras = "demo" if args.library in NEEDS else f"demo,{args.library}"
        return fail(f'the demo needs {", ".join(missing)}: pip install "multirrelu[{extras}]"')
    from . import result

    path = args.output or Path(f"multirrelu-demo-{args.library}.png")
    try:
        check_output(path)
        earlier = [replace(result.load(file), label=file.stem) for file in args.overlay]
        trainer = trainers.load(args.library)
    except (ImportError, OSError, ValueError) as error:
        return fail(str(error))
    made = train(trainer, args.library, settings_of(args))
    result.save(made, path.with_suffix(".json"))
    show([made, *earlier], path)
    return 0


def fail(message: str) -> int:
    """Say why the demo cannot run."""
    print(f"multirrelu: {message}", file=sys.stderr)
    return 2


def check_output(path: Path) -> None:
    """Raise before minutes are spent on what cannot be written."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"the picture is a PNG, so its name must end in .png: {path}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the experiment's size, as the options change it."""
    from .task import Settings

    default = Settings(seeds=2, epochs=3, hidden=(32, 32)) if args.quick else Settings()
    return replace(
        default,
        seeds=args.seeds or default.seeds,
        epochs=args.epochs or default.epochs,
        hidden=tuple(args.hidden or default.hidden),
    )


def train(trainer: trainers.Trainer, library: str, settings: Settings) -> Result:
    """Train every activation on every seed, with a progress bar where somebody can see it."""
    from rich.console import Console
    from rich.progress import Progress

    from .result import Curve, Result
    from .task import ACTIVATIONS, make_task

    console = Console(highlight=False)
    print(f"{library}: training {settings.seeds} networks each with {', '.join(ACTIVATIONS)}", flush=True)
    curves = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(ACTIVATIONS) * settings.seeds * settings.epochs)
        for seed in range(settings.seeds):
            task = make_task(seed, settings)
            for name, bounds in ACTIVATIONS.items():
                progress.update(bar, description=f"seed {seed}, {name}")
                curves.append(Curve(name, seed, trainer(task, bounds, lambda: progress.advance(bar))))
    return Result(library, versions(library), asdict(settings), curves)


def versions(library: str) -> dict[str, str]:
    """Return what the curves were made by."""
    return {"multirrelu": version("multirrelu"), library: version(library), "python": platform.python_version()}


def show(results: Sequence[Result], path: Path) -> None:
    """Print the table, draw the picture, and say where it is."""
    from rich.console import Console

    from .picture import draw
    from .table import table, title

    for result in results:
        print(title(result))
        Console(highlight=False).print(table(result))
    draw(results, path)
    print(f"picture: {path}\ncurves:  {path.with_suffix('.json')}")

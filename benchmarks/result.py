"""The result of a benchmark: rows, single figures and the machine, printed as they come and kept as JSON under ``results``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from multirrelu.cli.bench.timing import compare, in_turn, of_limit, usable
from multirrelu.cli.machine import hardware, software

RESULTS = Path(__file__).parent / "results"

Work = dict[str, Callable[[], object]]
Row = dict[str, Any]
Case = tuple[str, Callable[[str, int], Work], tuple[str, ...], int, dict[str, float]]
"""The name, its functions for a dtype and a number of elements, the dtypes, the multiple of the usual number of elements, and the lower
limits of ratios in float32."""
Rows = Callable[[int, int], Iterable[Row]]
"""A function that yields rows for a number of elements and of rounds."""
Figures = dict[str, tuple[float, float | None]]
"""Single figures, each with its upper limit or None."""


def row(
    case: str, work: Work, dtype: str, elements: int, rounds: int, asked: dict[str, float], ours: dict[str, str] | None = None, **how: Any
) -> Row:
    """Return the time of each function, and how many times as fast ours is, of which `asked` has lower limits; see `in_turn` for `how`."""
    work, failed = usable(work)
    turns = in_turn(work, rounds, **how)
    seconds, ratios = compare(case, turns, ours)
    asked = {name: least for name, least in asked.items() if name in ratios}
    made = {"case": case, "dtype": dtype, "elements": elements, "seconds": seconds, "ratios": ratios, "asked": asked, "failed": failed}
    return made if (limit := of_limit(case, turns)) is None else {**made, "of_limit": limit}


def rows_of(cases: list[Case], ours: dict[str, str] | None = None) -> Rows:
    """Return a function that yields the rows of cases, for the usual number of elements and a number of rounds."""

    def rows(elements: int, rounds: int) -> Iterator[Row]:
        for case, work, dtypes, times, asked in cases:
            for dtype in dtypes:
                size, limits = times * elements, asked if dtype == "float32" else {}
                yield row(case, work(dtype, size), dtype, size, rounds, limits, ours)

    return rows


def threads() -> int:
    """Give PyTorch as many threads as the kernel has, and return the number."""
    import torch

    from multirrelu_backends.threads import get_num_threads

    torch.set_num_threads(get_num_threads())
    return get_num_threads()


def machine(*packages: str, **others: Any) -> dict[str, Any]:
    """Return the facts that the figures depend on, with the versions of the given packages."""
    return {**hardware(), **software(), **{name: version(name) for name in packages}, **others}


def lines(row: Row) -> str:
    """Return a row as lines of text."""
    about = [str(row[name]) for name in ("library", "case", "dtype") if name in row]
    found = [f"\n{', '.join(about)}, {row['elements']:,} elements"]
    for name, seconds in row["seconds"].items():
        ratio = f"  ours is {row['ratios'][name]:7.2f} times as fast" if name in row["ratios"] else ""
        asked = f", at least {row['asked'][name]:.3g} asked" if name in row["asked"] else ""
        found.append(f"  {name:52s} {1e6 * seconds:13,.1f} us {row['elements'] / seconds / 1e6:10,.1f} M elements/s{ratio}{asked}")
    found += [f"  ours reaches {row['of_limit']:.2f} of the limit"] if "of_limit" in row else []
    return "\n".join(found + [f"  {name} fails: {error}" for name, error in row.get("failed", {}).items()])


def record(name: str, about: dict[str, Any], rows: Iterable[Row], figures: Callable[[], Figures] = dict, **others: Any) -> Path:
    """Print and keep each row as soon as it is measured, then the figures; return the path of the file."""
    result: dict[str, Any] = {"machine": about, "rows": [], "figures": {}, **others}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"

    def keep() -> None:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    print("\n".join(f"{fact}: {value}" for fact, value in about.items()))
    for one in rows:
        result["rows"].append(one)
        print(lines(one), flush=True)
        keep()
    result["figures"] = figures()
    print()
    for what, (value, most) in result["figures"].items():
        print(f"{what:60s} {value:10,.2f}" + ("" if most is None else f", at most {most:,} asked"))
    keep()
    print(f"kept in {path}")
    return path


def main(name: str, elements: int, rows: Rows, figures: Callable[[], Figures] = dict, packages: Sequence[str] = (), **facts: Any) -> None:
    """Measure with the sizes on the command line."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--elements", type=int, default=elements)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--name", default=name, help="of the file under benchmarks/results")
    options = parser.parse_args()
    record(options.name, machine(*packages, **facts), rows(options.elements, options.rounds), figures)

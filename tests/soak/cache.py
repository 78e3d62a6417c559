"""Folders of compiled kernels that are damaged between two processes, in all the ways in which disks and people do it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from soak.watch import End

Damage = Callable[[Path, np.random.Generator], object]


def _each(change: Callable[[Path, np.random.Generator], object], suffix: str) -> Damage:
    """A change of each file of one kind, or of some."""

    def damage(folder: Path, rng: np.random.Generator) -> None:
        files = sorted(folder.rglob(f"*.{suffix}"))
        assert files, f"there is no .{suffix} in the cache, which is not where this scenario looks for it"
        for file in files:
            if rng.random() < 0.8 or len(files) == 1:
                change(file, rng)

    return damage


def _cut(file: Path, rng: np.random.Generator) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(rng.integers(len(data)))])


def _flip(file: Path, rng: np.random.Generator) -> None:
    data = bytearray(file.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    file.write_bytes(data)


def _scramble(file: Path, rng: np.random.Generator) -> None:
    file.write_bytes(rng.bytes(int(rng.integers(1, 4096))))


def _fold(file: Path, rng: np.random.Generator) -> None:
    file.unlink()
    file.mkdir()


def _dangle(file: Path, rng: np.random.Generator) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def _replace_by_a_file(folder: Path, rng: np.random.Generator) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder", encoding="utf-8")


CHANGES = {
    "empty": lambda file, rng: file.write_bytes(b""),
    "cut": _cut,
    "flipped": _flip,
    "random": _scramble,
    "missing": lambda file, rng: file.unlink(),
    "a folder": _fold,
    "a link to nowhere": _dangle,
}
DAMAGES: dict[str, Damage] = {
    **{f"index {name}": _each(change, "nbi") for name, change in CHANGES.items()},
    **{f"code {name}": _each(change, "nbc") for name, change in CHANGES.items() if name != "flipped"},  # machine code has no checksum
    "the folder is a file": _replace_by_a_file,
    "the folder is gone": lambda folder, rng: shutil.rmtree(folder),
    "the disk is full": lambda folder, rng: shutil.rmtree(folder),
}


def damaged(child: Callable[[str, Path], End], folder: Path, rng: np.random.Generator) -> End:
    """Run a child on a cache as another child has left it, but for some damage; the next in `folder` finds the first one's again."""
    pristine, cache = folder / "pristine", folder / "damaged"
    if not pristine.exists() and (end := child("calls", pristine)).how:
        return end
    shutil.copytree(pristine, cache)
    what = str(rng.choice(list(DAMAGES)))
    DAMAGES[what](cache, rng)
    end = child("calls on a full disk" if what == "the disk is full" else "calls", cache)
    if cache.is_dir():
        shutil.rmtree(cache)
    else:
        cache.unlink(missing_ok=True)
    return end._replace(said=f"{what}: {end.said}")

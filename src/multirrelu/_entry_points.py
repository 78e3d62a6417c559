"""Read the registered names: our own from our packages' ``NAMES``, all others from the entry points of distributions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from typing import Any


def read(group: str, ours: str) -> dict[str, list[EntryPoint]]:
    """Return the claims of a group by name.

    Parameters
    ----------
    group : str
        The group of entry points.
    ours : str
        Our own package for the group. Its ``NAMES`` maps a name to ``module:attribute``, so that frozen applications, vendored copies
        and stale installs work too. Claims in metadata that point into this package are ignored.
    """
    found: dict[str, list[EntryPoint]] = {}
    for name, value in _own(ours).items():
        found[name] = [EntryPoint(name, f"{ours}.{value}", group)]
    for claim in _claims(group):
        module = claim.value.partition(":")[0].strip()
        claims = found.setdefault(claim.name, [])
        if not f"{module}.".startswith(f"{ours}.") and claim.value not in (other.value for other in claims):
            claims.append(claim)  # an editable install and a wheel of one package make one claim
    return {name: claims for name, claims in found.items() if claims}


def _own(package: str) -> dict[str, str]:
    try:
        names: dict[str, str] = import_module(package).NAMES
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return {}
    return names


def _claims(group: str) -> list[EntryPoint]:
    """Return the entry points of a group; a distribution with unreadable metadata has none."""
    found: dict[object, list[EntryPoint]] = {}
    for distribution in distributions():
        try:
            own = list(_entries(distribution.read_text("entry_points.txt") or "", group))
            if own:
                # Python imports the first of two installs of one distribution.
                metadata: Any = distribution.metadata  # a mapping with `get`, which its type does not declare
                found.setdefault(metadata.get("Name") or distribution, own)
        except Exception:  # noqa: BLE001, S112 - another package's broken metadata must not stop an array from being served
            continue
    return [claim for own in found.values() for claim in own]


def _entries(text: str, group: str) -> Iterator[EntryPoint]:
    """Yield the entry points of a group and skip malformed lines, at which importlib's own parser stops."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and "=" in line and not line.startswith(("#", "=")):
            name, _, value = line.partition("=")
            yield EntryPoint(name.strip(), value.strip(), group)

"""All topics in the one class that a backend's author subclasses."""

from __future__ import annotations

from .agreement import Agreement
from .errors import Errors
from .gradients import Gradients
from .limits import Limits
from .modes import Modes
from .statistics import Statistics


class Suite(Agreement, Modes, Gradients, Statistics, Errors, Limits):
    """Every test of the standard; `multirrelu_conformance` says how to use it."""

"""Cases by their seeds and numbers: each is run, and what is wrong with it is one line that makes it again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from fuzz.functions import function
from fuzz.libraries import Fuzzed
from fuzz.trial import Trial


@dataclass
class Outcome:
    """What the cases on one library have shown."""

    namespace: str
    cases: int = 0
    elements: int = 0
    bits: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        """One line for a person."""
        wrong = f", {len(self.failures)} cases failed" if self.failures else ""
        return (
            f"{self.namespace:<18} {self.cases:>6} cases, {self.elements:>12,} elements, {self.bits} differing bits{wrong}"
            f" ({self.seconds:.0f} s)"
        )


def run(
    under_test: Fuzzed, seed: int, numbers: Iterable[int], seconds: float = float("inf"), tell: Callable[[str], object] = lambda line: None
) -> Outcome:
    """Run the cases of these numbers, as far as the time goes; each failure is told at once."""
    outcome, started = Outcome(under_test.namespace), time.monotonic()
    for number in numbers:
        if time.monotonic() - started > seconds:
            break
        failure = run_one(under_test, seed, number, outcome)
        if failure:
            outcome.failures.append(f"{failure} -- again: nox -s fuzz -- --library {outcome.namespace} --seed {seed} --case {number}")
            tell(outcome.failures[-1])
    outcome.seconds = time.monotonic() - started
    return outcome


def run_one(under_test: Fuzzed, seed: int, number: int, outcome: Outcome) -> str:
    """Run one case, add it up, and return what is wrong with it, or an empty string."""
    trial = Trial(under_test, np.random.default_rng((seed, number)))
    call = function(trial)
    try:
        with warnings.catch_warnings(), under_test.settings(trial.rng, trial.dtype):
            warnings.simplefilter("error")
            warnings.filterwarnings(
                "ignore", "(overflow|invalid value|underflow) encountered", RuntimeWarning
            )  # which NumPy says of products
            call(trial)
            if not trial.bits:
                trial.finish()
        wrong = f"{trial.bits} bits differ" if trial.bits else ""
    except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
        wrong = f"{type(error).__name__}: {error}"
    outcome.cases += 1
    outcome.elements += trial.elements
    outcome.bits += trial.bits
    return f"{under_test.namespace} {call.__name__}: {wrong} in {' '.join(trial.said)}" if wrong else ""

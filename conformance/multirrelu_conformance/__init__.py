"""The conformance suite, which tests backends of multirrelu: subclass it, name the namespace, and run pytest.

Install ``multirrelu[conformance]`` and write one file, ``test_conformance.py``::

    from multirrelu_conformance import suite_for


    class TestMine(suite_for("numpy")):
        pass

``pytest test_conformance.py`` then runs every test on the arrays of that namespace, with the backend that is registered for it, or
with the standard functions where there is none. To test a backend that is not registered, or a particular one, set it::

    from my_package import scale
    from multirrelu_conformance import suite_for


    class TestMyScale(suite_for("numpy")):
        backend = scale

``python -m multirrelu conformance --namespace numpy --backend my_package:scale`` does the same without a file.
The backend serves the namespace during the tests; afterwards the previous backend is restored. A suite may set these attributes:

namespace : str
    The array namespace, by the name under which backends register, such as ``numpy`` or ``jax.numpy``. The suite is skipped where the
    library is not installed.
backend : Backend or callable, optional
    The record, or a ``scale`` function alone; see `multirrelu.contract`.
device : optional
    The device of the arrays, as the library names it.
lacks : dict of str to (str or None)
    The capabilities that the library lacks, with the reasons: their tests are skipped with the reason.
    `multirrelu_conformance.capabilities` lists the capabilities. A subclass inherits entries; None removes one. `Suite` has none.
samples : int, default: 2**20
    The number of slopes in a statistical test.
sizes : sequence of int, default: range(131)
    The small sizes that are tested; fewer for a library that compiles for every size.
api : module, default: multirrelu
    The module of `rrelu`, `rrelu_vjp`, `draw_slopes`, `scale`, `scale_at`, `Slopes` and `RReLU`.

A library is known by its suite, a class that `suite_for` finds by the namespace: among ours in ``multirrelu_conformance/suites``, or in the
entry points of the group ``multirrelu.suites``. It subclasses `Suite`, sets `namespace` and `lacks`, and overrides `from_numpy` and
`to_numpy` where the ``asarray`` of the library and of NumPy do not copy, and whatever the library supports of `dtype`, `cast`, `read_only`,
`another_device`, `generator`, `seed_global` and `gradient`. `context` returns the context manager around each
test. An array needs only `from_numpy`, `to_numpy`, `shape` and `dtype`.

Each topic is a class of its own, so that a suite may have only some: `Agreement` (with the known answers, with the reference bit for bit,
of chunks and shared axes with the whole, and of written results), `Modes`, `Gradients`, `Statistics`, `Errors`, and `Limits`. ``EXACT`` is
the tuple of all topics but `Statistics`, which a backend with the bits of another one need not repeat. A suite does not test speed, memory,
thread safety, or inputs outside the standard's promise (subnormals, NaN payloads). The statistical tests have fixed keys;
`multirrelu_conformance.statistics.false_alarm_rate` computes the probability that they reject a right backend.
"""

from pkgutil import iter_modules

import pytest

# Registered before the imports below, so that failing asserts of these modules show their values.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from .agreement import Agreement  # noqa: E402
from .bits import assert_equal_bits  # noqa: E402
from .errors import Errors  # noqa: E402
from .gradients import Gradients  # noqa: E402
from .library import Library  # noqa: E402
from .limits import Limits  # noqa: E402
from .modes import Modes  # noqa: E402
from .statistics import Statistics  # noqa: E402
from .suite import EXACT, Suite, suite_for  # noqa: E402

__all__ = [
    "EXACT",
    "Agreement",
    "Errors",
    "Gradients",
    "Library",
    "Limits",
    "Modes",
    "Statistics",
    "Suite",
    "assert_equal_bits",
    "suite_for",
]

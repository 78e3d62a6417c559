"""A suite of tests for backends of multirrelu: subclass it, say which namespace, and run pytest.

Install ``multirrelu[conformance]`` and write one file, ``test_conformance.py``::

    from multirrelu_conformance import suite_for


    class TestMine(suite_for("numpy")):
        pass

``pytest test_conformance.py`` then runs every test on the arrays of that namespace, served by the backend that is registered for it, or
by the standard functions where there is none. To test a backend that is not registered, or to be sure which one is tested, give it::

    from my_package import scale
    from multirrelu_conformance import suite_for


    class TestMyScale(suite_for("numpy")):
        backend = scale

``python -m multirrelu conformance --namespace numpy --backend my_package:scale`` does the same without a file.
It serves the namespace during the tests, and what served it before does so again afterwards. All attributes that a suite may set:

namespace : str
    The array namespace, by the name under which backends register, such as ``numpy`` or ``jax.numpy``. A suite whose library is not
    installed is skipped.
backend : Backend or callable, optional
    The record, or a ``scale`` function alone, see `multirrelu.contract`.
device : optional
    Where arrays are made, in the library's own terms.
lacks : dict of str to (str or None)
    What the library cannot do, as capability and reason: tests of it are skipped with the reason. `multirrelu_conformance.capabilities`
    lists the capabilities. What the class above declares stays; None takes it back. `Suite` itself declares nothing.
samples : int, default: 2**20
    The number of slopes that a statistical test looks at.
sizes : sequence of int, default: range(131)
    The small sizes of which each is tried; fewer for a library that compiles for every size anew.
api : module, default: multirrelu
    Whose `rrelu`, `rrelu_vjp`, `draw_slopes`, `scale`, `scale_at`, `Slopes` and `RReLU` are called.

A library is known by its suite: one class, which `suite_for` finds by the namespace, among ours in ``multirrelu_conformance/suites`` and in
the entry points of the group ``multirrelu.suites``. It subclasses `Suite`, sets `namespace` and `lacks`, overrides `from_numpy` and
`to_numpy` where the library's ``asarray`` and NumPy's do not copy, and those of `dtype`, `cast`, `read_only`, `another_device`,
`generator`, `seed_global` and `gradient` that it can do. Of an array it needs no more than these two methods, `shape` and `dtype`.

The topics are classes of their own, for a suite of some of them: `Agreement` (with the known answers, with the reference bit for
bit, of chunks and shared axes with the whole, and of what is written where), `Modes`, `Gradients`, `Statistics`, `Errors`, and `Limits`.
What a suite cannot show: speed, memory, safety under threads, and results on inputs outside the standard's promise (subnormals,
payloads of NaN). The statistical tests have fixed keys and reject a right backend with a probability that
`multirrelu_conformance.statistics.false_alarm_rate` computes.
"""

from pkgutil import iter_modules

import pytest

# Before the import below: only then do failing asserts of these modules show their values.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from .agreement import Agreement  # noqa: E402
from .bits import assert_equal_bits  # noqa: E402
from .errors import Errors  # noqa: E402
from .gradients import Gradients  # noqa: E402
from .library import Library  # noqa: E402
from .limits import Limits  # noqa: E402
from .modes import Modes  # noqa: E402
from .statistics import Statistics  # noqa: E402
from .suite import Suite, suite_for  # noqa: E402

__all__ = ["Agreement", "Errors", "Gradients", "Library", "Limits", "Modes", "Statistics", "Suite", "assert_equal_bits", "suite_for"]

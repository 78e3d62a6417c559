"""`Suite`, the class of all topics for authors of backends to subclass, and `suite_for`, which finds the suite of a library."""

from __future__ import annotations

from typing import Any

from multirrelu._entry_points import read

from .agreement import Agreement
from .errors import Errors
from .gradients import Gradients
from .library import Library
from .limits import Limits
from .modes import Modes
from .statistics import Statistics

GROUP = "multirrelu.suites"
OURS = f"{__package__}.suites"


EXACT = Agreement, Modes, Gradients, Errors, Limits


class Suite(Agreement, Modes, Gradients, Statistics, Errors, Limits):
    """All tests of the standard; `multirrelu_conformance` explains the use."""


def suite_for(namespace: str, *topics: type[Library], backend: Any = None) -> type[Suite]:
    """Return the registered suite of a library, or a general one; subclass it, or assign it to a name such as ``TestSomething``.

    Parameters
    ----------
    namespace : str
        The name under which the library's arrays are served, such as ``numpy``.
    *topics : type
        Topics such as `Gradients`, to which the suite is limited; all topics where none is named.
    backend : Backend or callable, optional
        A record, or a ``scale`` function, that is not registered.

    Raises
    ------
    ValueError
        If two suites are registered under the name.
    """
    claims = read(GROUP, OURS).get(namespace, [])
    if len(claims) > 1:
        raise ValueError(f"two suites claim the name {namespace!r}: {' and '.join(sorted(claim.value for claim in claims))}")
    base: Any = claims[0].load() if claims else Suite
    wanted = {name for topic in topics for name in dir(topic)} if topics else set(dir(base))
    others: dict[str, Any] = {name: None for name in dir(base) if name.startswith("test_") and name not in wanted}
    own = others | {"namespace": namespace, "__module__": base.__module__} | ({} if backend is None else {"backend": backend})
    suite: type[Suite] = type(base.__name__, (base,), own)
    return suite

"""The suite on PyTorch: through the standard functions, through its backend, and compiled in one graph a call."""

from types import SimpleNamespace

import pytest

import multirrelu
from multirrelu import agnostic

torch = pytest.importorskip("torch")
suite = pytest.importorskip("multirrelu_conformance", reason="NumPy or SciPy is not installed")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Use one thread: on a busy machine, threads that spin until the others are ready take four times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TestTorchThroughTheCore(suite.suite_for("torch", *suite.EXACT)):
    backend = agnostic.scale


TestTorch = suite.suite_for("torch", *suite.EXACT)


FUNCTIONS = ("rrelu", "rrelu_vjp", "draw_slopes", "scale", "scale_at")
COMPILED = {name: torch.compile(getattr(multirrelu, name), fullgraph=True, backend="aot_eager") for name in FUNCTIONS}


class Compiled:
    """Each call in one graph. Errors are not tested so, for Dynamo wraps them, nor the law of slopes, which are eager's to the bit."""

    sizes = (0, 7, 130)
    api = SimpleNamespace(Slopes=multirrelu.Slopes, RReLU=multirrelu.RReLU, **COMPILED)
    lacks = {  # noqa: RUF012
        "float16": "TestTorch has it, test_compiled.py compiles it, and bfloat16 is as narrow",
        "second_order": "a compiled backward pass cannot be differentiated, https://github.com/pytorch/pytorch/issues/91469",
        "aliasing": "a graph returns a view of its own where two of its inputs share memory",
        "generator": "a generator of the caller's own is a graph break",
    }
    test_one_key_a_call = test_pullback_keeps_its_key = test_integer_is_stateless = None  # with generators of NumPy
    test_numpy_generator_advances = test_numpy_seeds = None

    @pytest.fixture(autouse=True)
    def _many_graphs(self):
        """Keep them all; and let a backward pass run with create_graph=True, as the suite does."""
        with (
            torch._dynamo.config.patch(recompile_limit=10**6, accumulated_recompile_limit=10**6),
            torch._functorch.config.patch(donated_buffer=False),
        ):
            yield


class TestTorchCompiled(Compiled, suite.suite_for("torch", suite.Modes, suite.Gradients)):
    pass


class TestTorchCompiledAgreement(Compiled, suite.suite_for("torch", suite.Agreement)):
    pass

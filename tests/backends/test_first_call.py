"""A process's first call, which imports Numba and loads or compiles: forks in the middle of it, and signal handlers that raise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")

SETUP = """
    import os, signal, sys, threading, time
    import numpy as np, multirrelu
    from multirrelu_backends import numpy as backend
    x = -np.ones(1 << 18, dtype=np.float32)
    scale = multirrelu.backend_for(x)
    want = [-0.25269997, -0.22262219, -0.14025658]
    def right():
        return np.allclose(multirrelu.rrelu(x, training=True, rng=42)[:3], want, atol=1e-6)
"""


def run(code: str, *arguments: object) -> str:
    """Return what a fresh Python prints."""
    command = [sys.executable, "-c", textwrap.dedent(SETUP) + textwrap.dedent(code), *map(str, arguments)]
    # An exception that strikes inside of coverage's tracer leaves the tracer's lock held: these processes are not measured.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("delay", [0, 0.05, 0.1, 0.2, 0.4])
def test_a_child_of_a_process_in_its_first_call_has_its_own(delay):
    run(
        """
        first = threading.Thread(target=right)
        first.start()
        time.sleep(float(sys.argv[1]))
        child = os.fork()
        if child == 0:
            signal.alarm(100)
            os._exit(not right())
        first.join()
        assert right() and os.waitpid(child, 0)[1] == 0
        """,
        delay,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_process_that_compiles_something_else_compiles():
    run(
        """
        import numba
        compiler = numba.core.compiler_lock.global_compiler_lock
        def hold():
            with compiler:
                held.set()
                time.sleep(0.5)
        held = threading.Event()
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(100)
            os._exit(not right())
        assert os.waitpid(child, 0)[1] == 0
        """
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers of signals")
@pytest.mark.parametrize("delay", [0.003, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3])
def test_what_a_signal_handler_raises_in_a_first_call_comes_out_and_the_next_is_as_fast_as_ever(delay):
    printed = run(
        """
        def strike(*_):
            raise TimeoutError("struck")
        signal.signal(signal.SIGALRM, strike)
        rng = np.random.default_rng(0)
        try:
            signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
            multirrelu.rrelu(x, training=True, rng=rng)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeoutError:
            assert "multirrelu_backends._crew" in sys.modules or rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
        print(right(), backend.describe().partition(",")[0])
        """,
        delay,
    )
    assert printed == "True the fused kernel"

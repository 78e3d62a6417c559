"""From ``rng`` to a key: 64 bits a call, from whatever generator the caller's library has."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from .arrays import namespace_of
from .contract import KEYS, Array, check_key
from .stream import philox

ACCEPTED = (
    "an int in [0, 2**64), a numpy.random.Generator or a seed that numpy.random.default_rng accepts, a torch.Generator, "
    "a cupy.random.Generator or RandomState, a JAX key, or None"
)
Source = Callable[[], "int | Array"]


def source_of(rng: object) -> Source | None:
    """Return a function that takes one key from `rng` at each call, or None where `rng` is None; nothing is drawn yet.

    Raises
    ------
    TypeError
        If `rng` is of a type that gives no key.
    ValueError
        If it is an integer outside [0, 2**64).
    """
    if rng is None:
        return None
    if type(rng) is int or (not isinstance(rng, bool) and not hasattr(rng, "shape") and hasattr(rng, "__index__")):
        key = check_key(rng)
        return lambda: key
    for kind in type(rng).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in _SOURCES and root in sys.modules:
            source = _SOURCES[root](rng)
            if source is not None:
                return source
    return _numpy_seed(rng) or _refuse(rng)


def global_key(library: str, x: Array) -> int | Array:
    """Return a key for the call that names no rng: from the library's global generator where it has one, else from the OS.

    Raises
    ------
    TypeError
        For JAX, which has no global generator.
    """
    if library in _GLOBALS:
        return _GLOBALS[library](x)
    return int.from_bytes(os.urandom(8), "little")


def _stateful(draw: Source) -> Source:
    """Return the source that draws from a generator of the caller's own, whose state nobody sets back."""

    def source() -> int | Array:
        if (torch := sys.modules.get("torch")) and torch.compiler.is_compiling():
            raise RuntimeError("a generator passed as rng cannot be drawn from in a graph of PyTorch: pass rng=None or an int")
        if (checkpoint := sys.modules.get("torch.utils.checkpoint")) and _runs(checkpoint.__file__):
            raise RuntimeError(
                "a generator passed as rng is not replayed by torch.utils.checkpoint, whose recomputation would draw other slopes: "
                "pass rng=None, for PyTorch's global generators are replayed, or an int"
            )
        return draw()

    return source


def _runs(file: str | None) -> bool:
    """Return whether a function of this file is being called."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    return frame is not None


def own_key(key: int | Array, xp: Any) -> int | Array:
    """Return a key as the arrays of `xp` take it: what a generator of another library left on its device is read into an int."""
    if isinstance(key, int) or namespace_of(key) is xp:
        return key
    try:
        return int(key) % KEYS  # not `index`, which CuPy's arrays lack
    except TypeError:
        raise TypeError(f"a traced key cannot be read for an array of another library, got {key!r} for one of {xp.__name__}") from None


def as_key(rng: Any) -> Any:
    """Return a JAX key that NumPy holds, such as one that was loaded from a file, as JAX's: to `source_of` it would be a seed."""
    legacy = getattr(rng, "dtype", None) == "uint32" and getattr(rng, "shape", None) == (2,)
    return sys.modules["jax"].numpy.asarray(rng) if legacy else rng


def _refuse(rng: object) -> Source:
    raise TypeError(f"rng must be {ACCEPTED}; got {rng!r} of type {type(rng).__name__}")


def _numpy(rng: Any) -> Source | None:
    np = sys.modules["numpy"]
    if isinstance(rng, np.integer):
        key = check_key(rng)
        return lambda: key
    if isinstance(rng, np.random.Generator):
        return _stateful(lambda: _numpy_draw(rng))
    return None


def _numpy_draw(generator: Any) -> int:
    return int(generator.integers(0, 1 << 64, dtype=sys.modules["numpy"].uint64))


def _numpy_seed(rng: Any) -> Source | None:
    np = sys.modules.get("numpy")
    if np is None or isinstance(rng, (bool, float, str)):
        return None
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError):
        return None
    if isinstance(rng, (np.random.BitGenerator, np.random.RandomState)):  # whose state advances with the generator's
        return _numpy(generator)
    return lambda: _numpy_draw(np.random.default_rng(rng))  # the same at each call, like an int


def _torch(rng: Any) -> Source | None:
    torch = sys.modules["torch"]
    return _stateful(lambda: _torch_draw(rng.device, rng)) if isinstance(rng, torch.Generator) else None


def _torch_draw(place: Any, generator: Any = None) -> Array:
    # A tensor, not a number: reading it would make the host wait for the device. (randint's upper end is exclusive and cannot be 2**63.)
    torch = sys.modules["torch"]
    return torch.randint(-(1 << 63), (1 << 63) - 1, (), dtype=torch.int64, device=place, generator=generator)


def _torch_global(x: Array) -> Array:
    backend = sys.modules.get("multirrelu_backends.torch")
    if backend is not None and sys.modules["torch"].compiler.is_compiling():
        return backend.ops.key_traced(x)
    if backend is not None and "torch.distributed.tensor" in sys.modules and (key := backend.dtensor_ops.global_key(x)) is not None:
        return key
    return _torch_draw(x.device)


def _cupy(rng: Any) -> Source | None:
    cupy = sys.modules["cupy"]
    if isinstance(rng, cupy.random.RandomState):  # which does not know its device: the caller's must be the one
        return _stateful(lambda: _cupy_draw(rng.randint))
    return _stateful(lambda: _cupy_draw_at_home(rng)) if isinstance(rng, cupy.random.Generator) else None


def _cupy_draw(integers: Callable[..., Array]) -> Array:
    # Two words of 32 bits, read as one integer, which stays on its device: the host would have to wait for it.
    return integers(0, 1 << 32, size=2, dtype="uint32").view("uint64")[0]


def _cupy_draw_at_home(generator: Any) -> Array:
    # Elsewhere it refuses to draw. Its device has no public name: https://github.com/cupy/cupy/blob/v14.2.0/cupy/random/_bit_generator.pyx
    with sys.modules["cupy"].cuda.Device(generator.bit_generator._current_device_id):
        return _cupy_draw(generator.integers)


def _cupy_global(x: Array) -> Array:
    with x.device:  # each has a generator of its own, and `cupy.random.seed` seeds that of the current device
        return _cupy_draw(sys.modules["cupy"].random.get_random_state().randint)


def _jax(rng: Any) -> Source | None:
    jax = sys.modules["jax"]
    if not isinstance(rng, jax.Array):
        return None
    if jax.dtypes.issubdtype(rng.dtype, jax.dtypes.prng_key):
        return (lambda: _jax_key(_jax_words(rng))) if rng.ndim == 0 else None
    return (lambda: _jax_key(rng)) if rng.dtype == "uint32" and rng.shape == (2,) else None


def _jax_words(rng: Any) -> Any:
    jax = sys.modules["jax"]
    if jax.config.jax_debug_key_reuse:  # to JAX's checker, who reads a key's words has not used the key; who draws bits has
        jax.random.bits(rng)
    return jax.random.key_data(rng)


def _jax_key(data: Any) -> Array:
    # An array, not a number: the words may be traced, and to read them would make the host wait for the device.
    jax = sys.modules["jax"]
    with jax.enable_x64(True):  # else JAX makes no number of 64 bits; one that was made keeps them outside
        return jax.jit(_from_array)(data)


def _from_array(data: Any) -> Array:
    return from_words([data[i].astype("int64") for i in range(data.shape[0])])


def from_words(key_words: list[Any]) -> Any:
    """Return the key of a JAX key: two words as they are, high word first; four through one Philox block under the key 0.

    The words are ints, or arrays of int64, whose key is one too: the same 64 bits.
    """
    if len(key_words) != 2:
        key_words = list(philox(key_words, (0, 0)))[:2]
    return key_words[0] << 32 | key_words[1]


def _jax_has_none(_: Array) -> int:
    raise TypeError("JAX has no global generator: pass rng=jax.random.key(seed), or an int")


_SOURCES: dict[str, Callable[[Any], Source | None]] = {
    "numpy": _numpy,
    "torch": _torch,
    "cupy": _cupy,
    "jax": _jax,
    "jaxlib": _jax,
}
_GLOBALS: dict[str, Callable[[Array], int | Array]] = {
    "torch": _torch_global,
    "cupy": _cupy_global,
    "jax.numpy": _jax_has_none,
}

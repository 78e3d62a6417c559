"""Accelerated backends, one file or folder for each library."""

NAMES = {
    "cubed": "cubed:backend",
    "cupy": "cupy:backend",
    "dask.array": "dask:backend",
    "jax.numpy": "jax:backend",
    "mlx.core": "mlx:backend",
    "ndonnx": "ndonnx:backend",
    "numpy": "numpy:backend",
    "scipy.sparse": "scipy:backend",
    "sparse": "sparse:backend",
    "tensorflow": "tensorflow:backend",
    "torch": "torch:backend",
}
"""Our own records by registered name: each is a module of this package and an attribute of it."""

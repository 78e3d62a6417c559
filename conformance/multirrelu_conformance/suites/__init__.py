"""Suites for single libraries, one file each: a class with the capabilities that the library lacks and the conversion of arrays."""

NAMES = {
    "array_api_strict": "array_api_strict:StrictSuite",
    "cubed": "cubed:CubedSuite",
    "cupy": "cupy:CupySuite",
    "dask.array": "dask:DaskSuite",
    "jax.numpy": "jax:JaxSuite",
    "mlx.core": "mlx:MlxSuite",
    "ndonnx": "ndonnx:NdonnxSuite",
    "numpy": "numpy:NumpySuite",
    "scipy.sparse": "scipy:ScipySuite",
    "sparse": "sparse:SparseSuite",
    "tensorflow": "tensorflow:TensorFlowSuite",
    "torch": "torch:TorchSuite",
}
"""Our own suites by namespace: each is a module of this package and its class."""

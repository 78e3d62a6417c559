"""What is known of each library: one file each, with a class that says what the library lacks, and how arrays go in and out."""

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
"""Our own suites, by the namespace that they test: a module of this package, and its class."""

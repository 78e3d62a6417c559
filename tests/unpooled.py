"""Give each array of a GPU memory of its own, whose end compute-sanitizer then knows: ``python -m pytest -p tests.unpooled``."""

import os
from importlib.util import find_spec

os.environ["PYTORCH_NO_CUDA_MEMORY_CACHING"] = "1"  # which PyTorch reads at its first allocation

if find_spec("cupy"):
    import cupy

    cupy.cuda.set_allocator(None)

"""What compilers make of the very texts that CuPy hands to NVRTC: NVRTC itself for six of NVIDIA's GPUs, Clang for three of AMD's."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

pytest.importorskip("numpy")

import amd
import host_cuda
import nvrtc
from cases import dtype_of
from host_cuda import host

from multirrelu import Slopes

cupy = host_cuda.install()

import multirrelu_backends.cupy as backend  # noqa: E402
from multirrelu_backends import _cuda as kernels  # noqa: E402

KINDS = list(kernels.FORMATS)
POINTS = (1 / 8, 1 / 3)
REGISTERS = {70: 56, 75: 54, 80: 32, 90: 32, 100: 46, 120: 46}  # of 65,536, so that with 32 all of 2,048 threads fit


@pytest.fixture(scope="module")
def texts():
    """What CuPy composes for each dtype: dense, with two axes and with four, and for keys that lie in memory."""
    cupy.clear_memo()
    kernels.consecutive.cache_clear()
    kernels.anywhere.cache_clear()
    host.texts.clear()
    for kind in KINDS:
        dense, rows, box = (cupy.zeros(shape, dtype=dtype_of(kind)) for shape in ((64,), (8, 8), (8, 8, 8, 8)))
        for x in (dense, rows[:, 1:], box[1:, 1:, 1:, 1:]):
            backend.scale(x, x, Slopes(*POINTS, 1))
            if x.ndim < 4:
                backend.scale(x, x, Slopes(*POINTS, cupy.zeros((), dtype=cupy.uint64)))
    ours = [text for text in host.texts if text.kernel.startswith("multirrelu_")]
    assert len(ours) == 5 * len(KINDS)
    return ours


@pytest.fixture(scope="module", params=REGISTERS)
def codes(request, texts):
    """An architecture, and what NVRTC makes of each text for it."""
    library = nvrtc.library_for(request.param)
    if library is None:
        pytest.skip(f"no NVRTC for sm_{request.param} is installed")
    return request.param, [(text, nvrtc.compile_for(library, text.source, request.param, text.options)) for text in texts]


def test_the_options_are_those_of_cupy_and_exact_sums(texts):
    for text in texts:
        assert {"-fmad=false", "-ftz=true", "--std=c++17", "--device-as-default-execution-space"} <= set(text.options)


def test_compiles_without_a_warning(codes):
    architecture, made = codes
    old = r"nvrtc: warning: Architectures prior to '<compute/sm>_75' are deprecated.*"  # said of Volta, and not of the source
    for text, code in made:
        lines = [line for line in code.log.splitlines() if not re.match(r"ptxas (info|  )", line) and not re.fullmatch(old, line)]
        assert lines == [], text.kernel
        assert f"for 'sm_{architecture}'" in code.log
        assert code.cubin[:4] == b"\x7fELF"


def test_registers_and_no_local_memory(codes):
    architecture, made = codes
    frame = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    for text, code in made:
        ((name, *memory, registers),) = re.findall(rf"entry function '(\w+)'.*\n.*\n.* {frame}\n.*Used (\d+) registers", code.log)
        assert name == text.kernel
        assert memory == ["0", "0", "0"], name
        assert int(registers) <= REGISTERS[architecture], (name, registers)


def test_16_byte_moves_and_exact_products(codes):
    for text, code in codes[1]:
        ((name, body),) = re.findall(r"\.entry (\w+)\((.*?)\n}", code.ptx, re.DOTALL)
        assert name == text.kernel
        assert not re.search(r"\bfma\.|\bmad\.\w*\.?f|approx|\.local\b", body), name
        moves = {move: len(re.findall(rf"{move}\.global\S*\.(?:v4\.[ubf]32|v2\.[ubf]64)", body)) for move in ("ld", "st")}
        each = 2 if name.endswith("64") else 1
        if "consecutive" in name:
            assert moves["ld"] >= 2 * each, name
            assert moves["st"] == each, name
        else:
            assert moves == {"ld": 0, "st": 0}, name


@pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang, which has a Clang for AMD's GPUs, is not installed")
@pytest.mark.parametrize("architecture", ["gfx90a", "gfx942", "gfx1100"])
def test_amd(texts, architecture, tmp_path):
    for text in texts:
        made = amd.assembly(text, architecture, host_cuda.headers(), tmp_path)
        wide = re.findall(r"(?:global|flat)_(load|store)_(?:dwordx4|b128)", made)
        assert re.findall(r"\.amdhsa_kernel (\w+)", made) == [text.kernel]
        assert not re.search(r"v_(fma|fmac|mad|mac|pk_fma)\w*_f(16|32|64)", made), text.kernel
        assert set(wide) == ({"load", "store"} if "consecutive" in text.kernel else set()), text.kernel

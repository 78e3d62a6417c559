"""Triton's kernels: run by its interpreter, or on a GPU where there is one, to the reference's bits; and compiled for GPUs without one."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton", minversion="3.4")  # from which its interpreter can be switched on for one module
np = pytest.importorskip("numpy")

from cases import slopes_for  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from multirrelu import Slopes, agnostic, stream  # noqa: E402
from multirrelu.bounds import lattice  # noqa: E402
from multirrelu_backends import _triton, _triton_kernels  # noqa: E402
from multirrelu_backends._triton import enqueue, plan_of  # noqa: E402
from multirrelu_backends.torch import dense, devices  # noqa: E402

SHAPES = [(), (1,), (5,), (1500,), (0, 3), (7, 9), (17, 61), (33, 130), (3, 5, 7), (2, 3, 17, 19)]  # the interpreter is slow
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32, "fp64": torch.float64}
POINTS = lattice(1 / 8, 1 / 3)


# What the compiler makes of the kernels, for which no GPU is needed. It comes first: older interpreters leave their mark on Triton.


def compiled(kernel, element, capability, *, aligned, keys=0, wide=False, same=True, drawn=True, small=False, ones=()):
    """Return what Triton compiles for a GPU, as a call on it would; arguments that are one are constants to it."""
    constants = {"DRAWN": drawn, "KEYS": keys, "SAME": same, "COUNTERS": _triton.COUNTERS, "WIDE": wide, "AXES": 4}
    constants |= dict.fromkeys(ones, 1)
    types = dict.fromkeys(("low", "span", "skip", "blocks"), "i32") | {"length": "i64" if wide else "i32"}
    types |= dict.fromkeys(("values", "gate", "out"), f"*{element}") | {"key": "*i64" if keys else "i64"}
    types |= dict.fromkeys(("key", "factor", "first", "index", "elements"), "i32") if small else {}  # as Triton passes what fits
    types |= dict.fromkeys(constants, "constexpr")
    signature = {name: types.get(name, "i64") for name in kernel.arg_names}
    constants = {name: value for name, value in constants.items() if name in signature}
    sixteen = ["values", "gate", "out", *(["skip", "values_step", "gate_step", "out_step"] if aligned else [])]
    attributes = {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in sixteen if name in kernel.arg_names}
    source = ASTSource(kernel, signature, constexprs=constants, attrs=attributes)
    options = {"enable_fp_fusion": False} | ({} if kernel is _triton_kernels.scale_consecutive else {"num_warps": _triton.WARPS})
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


@pytest.mark.parametrize("capability", [70, 90, 100])
@pytest.mark.parametrize("element", DTYPES)
def test_consecutive_elements_are_read_and_written_16_bytes_at_a_time(element, capability):
    code = compiled(_triton_kernels.scale_consecutive, element, capability, aligned=True)
    wide = r"v2\.b64" if element == "fp64" else r"v4\.b32"
    assert re.search(rf"ld\.global\S*\.({wide})", code.asm["ptx"])
    assert re.search(rf"st\.global\S*\.({wide})", code.asm["ptx"])
    assert_exact(code, element, capability)
    if element == "fp32":
        assert code.metadata.shared == 0


@pytest.mark.parametrize("element", ["bf16", "fp32"])
@pytest.mark.parametrize(
    "options",
    [
        {"aligned": False},
        {"aligned": True, "wide": True, "same": False},
        {"aligned": True, "keys": 1},
        {"aligned": True, "keys": 2},
        {"aligned": True, "drawn": False},
        {"aligned": True, "small": True},
    ],
    ids=str,
)
def test_other_kernels_compile(options, element):
    for kernel in (_triton_kernels.scale_consecutive, _triton_kernels.scale_anywhere):
        assert_exact(compiled(kernel, element, 90, **options), element, 90)


@pytest.mark.parametrize("capability", [70, 90, 100])
@pytest.mark.parametrize("element", DTYPES)
def test_registers_and_no_local_memory(element, capability, tmp_path):
    for kernel, most in ((_triton_kernels.scale_consecutive, 64), (_triton_kernels.scale_anywhere, 72)):
        for options in ({"aligned": True}, {"aligned": False}, {"aligned": True, "wide": True, "keys": 2, "same": False}):
            file = tmp_path / "kernel.cubin"
            file.write_bytes(compiled(kernel, element, capability, **options).asm["cubin"])
            said = subprocess.run([triton.knobs.nvidia.cuobjdump.path, "-res-usage", file], capture_output=True, text=True, check=True)
            used = {name: int(number) for name, number in re.findall(r"(REG|STACK|LOCAL):(\d+)", said.stdout + said.stderr)}
            assert (used["STACK"], used["LOCAL"]) == (0, 0), (kernel.__name__, options)
            assert used["REG"] <= most or "wide" in options, (kernel.__name__, options)  # divisions in 64 bits take more


@pytest.mark.parametrize(
    "ones", [("blocks",), ("skip", "length", "blocks"), ("values_step", "gate_step", "out_step", "counter_step")], ids=str
)
def test_arguments_that_are_one(ones):
    assert_exact(compiled(_triton_kernels.scale_consecutive, "fp32", 90, aligned=False, keys=2, ones=ones), "fp32", 90)


def assert_exact(code, element, capability):
    """No product is fused with a sum, nothing is flushed, and halves are rounded to nearest even."""
    ptx = code.asm["ptx"]
    assert not re.search(r"\bfma\.|\.ftz|\bdiv\.approx|\bmad\.f", ptx)
    assert ("mul.rn.f64" if element == "fp64" else "mul.rn.f32") in ptx
    if element == "bf16" and capability >= 90:
        assert "cvt.rn.bf16" in ptx
    if element == "fp16":
        assert "cvt.rn.f16" in ptx


# What the kernels do.


def interpreted(monkeypatch):
    """Return the kernels once more, as Triton's interpreter runs them on tensors of the CPU."""
    from triton.runtime import interpreter

    right = interpreter._convert_float

    def to_bfloat16(data, source, target, rounding):  # the interpreter's own cuts bits off where GPUs round
        if target != triton.language.bfloat16:
            return right(data, source, target, rounding)
        return torch.from_numpy(np.array(data)).to(torch.bfloat16).view(torch.int16).numpy()

    monkeypatch.setattr(interpreter, "_convert_float", to_bfloat16)
    monkeypatch.setattr(triton.knobs.runtime, "interpret", True)
    spec = importlib.util.spec_from_file_location("interpreted_kernels", _triton_kernels.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["interpreter", "gpu"])
def device(request, monkeypatch):
    """Where tensors are made, and the kernels that run there."""
    if request.param == "gpu":
        if not torch.cuda.is_available():
            pytest.skip("there is no GPU")
        return "cuda"
    monkeypatch.setattr(_triton, "kernels", interpreted(monkeypatch))
    return "cpu"


def views(shape, dtype, device):
    """Yield tensors of normal numbers of one shape: dense, part of a larger one, with steps, Fortran, rotated, broadcast."""
    generator = torch.Generator().manual_seed(1)
    larger = torch.randn([2 * length for length in shape], generator=generator).to(device, dtype)
    part = larger[tuple(slice(0, length) for length in shape)]
    yield part.clone()
    yield part
    if not shape:
        return
    yield larger[(slice(None, None, 2),) * len(shape)]
    yield part.permute(*reversed(range(len(shape)))).contiguous().permute(*reversed(range(len(shape))))
    if len(shape) > 1:
        yield part.movedim(-1, 0).clone().movedim(0, -1)
        yield part[:1].expand(shape) if shape[0] else part


def run(values, gate, slopes, out=None):
    """Scale by Triton what `Slopes` or a constant say."""
    out = torch.empty_like(values, memory_format=torch.contiguous_format) if out is None else out
    if isinstance(slopes, Slopes):
        enqueue(values, gate, out, lattice(slopes.lower, slopes.upper), slopes.key, slopes.offset, slopes.strides)
    else:
        enqueue(values, gate, out, slopes)
    return out


def assert_same_bits(got, want, context=""):
    kind = {2: torch.int16, 4: torch.int32, 8: torch.int64}[got.element_size()]
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    differ = (got.contiguous().view(kind) != want.contiguous().view(kind)) & ~(got.isnan() & want.isnan())
    assert not differ.any(), f"{context}: {int(differ.sum())} differ, the first at {differ.nonzero()[0].tolist()}"


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_reference(shape, dtype, device):
    for number, x in enumerate(views(shape, dtype, device)):
        for kind, slopes in enumerate(slopes_for(shape)):
            if (number + kind) % (2 if dtype == torch.float32 else 5):
                continue  # nor every layout with all slopes in all dtypes
            context = f"layout {number}, strides {x.stride()}, {slopes}"
            want = agnostic.scale(x, x, slopes)
            assert_same_bits(run(x, x, slopes), want, context)
            if (number + kind) % 3 == 0:
                gate, own = -x, x.clone()
                assert_same_bits(run(own, own, slopes, own), want, f"in place, {context}")
                assert_same_bits(run(x, gate, slopes, gate), agnostic.scale(x, -x, slopes), f"over the gate, {context}")


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 2**31 - 1000, 2**33, 2**34 - 1002, 2**63 - 1001, 2**64 - 999, 2**64 - 4])
@pytest.mark.parametrize("length", [1, 3, 4, 1021, 1024, 1025, 2048, 4099])
def test_sizes_and_offsets(length, offset, device):
    memory = torch.randn(length + 2, generator=torch.Generator().manual_seed(2)).to(device)
    around = torch.full_like(memory, 7.0)
    x, slopes = memory[1:-1], Slopes(1 / 8, 1 / 3, 2**63 + 12345, offset=offset)
    assert_same_bits(run(x, x, slopes, around[1:-1]), agnostic.scale(x, x, slopes))
    assert around[0] == around[-1] == 7.0


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-3e38, 3e38), (2.0**-102, 2.0**-101), (1.0, 1 + 2**-23), (-0.75, -0.5)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bounds(bounds, dtype, device):
    x = torch.rand(3000, generator=torch.Generator().manual_seed(3), dtype=dtype).to(device) / -2 - 0.5
    for constant in (0.5 * bounds[0] + 0.5 * bounds[1], 0.1):
        assert_same_bits(run(x, x, constant), agnostic.scale(x, x, constant))
    assert_same_bits(run(x, x, Slopes(*bounds, 5)), agnostic.scale(x, x, Slopes(*bounds, 5)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, by which the interpreter works
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_special_values(dtype, device):
    x = torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0, -0.0, 1.0, -1.0, -65504.0], dtype=dtype, device=device)
    values, gate = (grid.reshape(-1) for grid in torch.meshgrid(x, x, indexing="ij"))
    for slopes in (Slopes(-0.5, 0.5, 3), 0.0, -2.0, 3.0):
        assert_same_bits(run(values, gate, slopes), agnostic.scale(values, gate, slopes), slopes)


@pytest.mark.parametrize("shape", [(3000,), (40, 30)], ids=str)
@pytest.mark.parametrize("key", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_a_key_in_a_tensor(key, shape, device):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(4)).to(device).movedim(0, -1)
    want = agnostic.scale(x, x, Slopes(1 / 8, 1 / 3, key))
    for tensor in (torch.tensor(stream.signed(key)), torch.tensor(stream.signed(key), device=device)):
        out = torch.empty_like(x)
        enqueue(x, x, out, POINTS, tensor)
        assert_same_bits(out, want)


@pytest.mark.parametrize("layout", ["rows", "columns", "parts of rows", "shared", "odd steps"])
def test_a_key_for_each_index_of_the_first_axis(layout, device):
    keys = torch.tensor([5, -1, 2**40, 0, 7, 8, 9, 10], device=device)[::2]
    x = torch.randn((4, 30, 41), generator=torch.Generator().manual_seed(5)).to(device)
    strides = {"shared": (0, 1, 0), "odd steps": (3, 41, 1)}.get(layout, (0, 41, 1))
    x = {"columns": x.transpose(1, 2).contiguous().transpose(1, 2), "parts of rows": x[:, 1:, :-2]}.get(layout, x)
    out = torch.empty_like(x)
    enqueue(x, x, out, POINTS, keys, 6, strides)
    for row in range(4):
        slopes = Slopes(1 / 8, 1 / 3, int(keys[row]) % 2**64, 6 + strides[0] * row, strides[1:])
        assert_same_bits(out[row], agnostic.scale(x[row], x[row], slopes), row)


def test_rows_of_a_larger_tensor(device):
    x = torch.randn((5, 3000), generator=torch.Generator().manual_seed(6)).to(device)
    for part, slopes in (
        (x[:, 4:-3], Slopes(1 / 8, 1 / 3, 9, 2**33 + 4, (3000, 1))),
        (x[:, 1:2901], Slopes(1 / 8, 1 / 3, 9, 1, (3001, 1))),
        (x.T, Slopes(1 / 8, 1 / 3, 9, 1, (1, 3000))),
    ):
        assert_same_bits(run(part, part, slopes), agnostic.scale(part, part, slopes))
        gate = part.flip(0).contiguous()
        assert_same_bits(run(part, gate, slopes), agnostic.scale(part, gate, slopes))
        assert_same_bits(run(gate, part, slopes), agnostic.scale(gate, part, slopes))


@pytest.mark.parametrize("keys", [None, [3, 4]], ids=["a key", "keys"])
def test_more_axes_than_the_kernel_has(keys, device):
    x = torch.randn((2, 4, 3, 4, 3, 4, 3), generator=torch.Generator().manual_seed(7)).to(device)[:, ::2, :, ::2, :, ::2, :2]
    key = 9 if keys is None else torch.tensor(keys, device=device)
    for slopes in (Slopes(1 / 8, 1 / 3, 9, 2**40 + 1, (7, 1, 0, 2, 300, -1, 5)), Slopes(1 / 8, 1 / 3, 9), 0.3):
        out, constant = torch.empty_like(x), isinstance(slopes, float)
        if constant:
            enqueue(x, x, out, slopes)
        else:
            enqueue(x, x, out, POINTS, key, slopes.offset, slopes.strides)
        for row in range(2):
            own = slopes if constant or keys is None else replace(slopes, key=keys[row])
            assert_same_bits(out[row], agnostic.scale(x, x, own)[row], slopes)


@pytest.mark.parametrize("wide", [True, False])
def test_places_of_64_bits(wide, device, monkeypatch):
    monkeypatch.setattr(_triton, "NARROW", 0 if wide else _triton.NARROW)
    x = torch.randn((7, 11, 30), generator=torch.Generator().manual_seed(7)).to(device)
    for y in (x, x.permute(2, 0, 1), x[:, ::2]):
        assert_same_bits(run(y, y, Slopes(1 / 8, 1 / 3, 9)), agnostic.scale(y, y, Slopes(1 / 8, 1 / 3, 9)))


@pytest.mark.parametrize(
    ("shape", "memory", "strides", "many_keys", "consecutive", "rows"),
    [
        ((5, 7), ((7, 1),) * 3, None, False, True, 1),
        ((5, 7), ((7, 1),) * 3, (7, 1), False, True, 1),
        ((), ((),) * 3, None, False, True, 1),
        ((5, 2000), ((2008, 1),) * 3, None, False, True, 5),
        ((5, 2000), ((2008, 1), (2008, 1), (2000, 1)), None, False, True, 5),
        ((5, 20), ((28, 1),) * 3, None, False, False, 1),
        ((5, 2001), ((2008, 1),) * 3, None, False, False, 5),
        ((5, 2000), ((0, 1),) * 3, (0, 1), False, True, 5),
        ((5, 2000), ((2000, 1),) * 3, (1, 0), False, False, 1),
        ((5, 7), ((1, 5),) * 3, None, False, False, 1),
        ((5, 7), ((1, 5),) * 3, (1, 5), False, True, 1),
        ((5, 2000), ((2000, 1),) * 3, (0, 1), True, True, 5),
        ((5, 7), ((7, 1),) * 3, (0, 1), True, True, 5),
        ((5, 7), ((7, 1),) * 3, (7, 1), True, False, 5),
        ((5,), ((1,),) * 3, (0,), True, True, 5),
    ],
)
def test_plan(shape, memory, strides, many_keys, consecutive, rows):
    plan = plan_of(shape, memory, strides, many_keys=many_keys)
    assert (plan.consecutive, plan.rows[0]) == (consecutive, rows)


@pytest.mark.parametrize(
    ("shape", "memory", "consecutive", "rows"),
    [
        ((5, 7), (7, 1), True, 1),
        ((5, 7), (1, 5), True, 1),
        ((5, 2001), (2007, 1), True, 5),
        ((5, 20), (28, 1), False, 1),
        ((), (), True, 1),
    ],
)
def test_plan_of_a_constant_slope(shape, memory, consecutive, rows):
    """Its index stands still, and asks for no order of the elements."""
    plan = plan_of(shape, (memory,) * 3, (), drawn=False)
    assert (plan.consecutive, plan.rows[0]) == (consecutive, rows)


# As PyTorch's backend calls them


@pytest.fixture
def served(device, monkeypatch):
    """Let the kernels serve the backend's tensors on this device, if they run there."""
    monkeypatch.setattr(devices, "serve", devices._cuda)
    if device == "cpu":
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: devices.OLDEST)
        monkeypatch.setattr(dense, "scaled", lambda *_: None)  # as for tensors of a GPU
    for cached in (devices.cuda_kernel, devices._launch_fails_once):
        cached.cache_clear()
    yield device
    for cached in (devices.cuda_kernel, devices._launch_fails_once):
        cached.cache_clear()


@pytest.fixture
def launches(served, monkeypatch):
    """What the kernels are launched for: the slopes or the slope of each launch."""
    assert devices.triton_fails(torch.zeros(1, device=served).device) == ""
    factors, enqueue = [], _triton.enqueue

    def noted(values, gate, out, factor, *others):
        factors.append(factor)
        enqueue(values, gate, out, factor, *others)

    monkeypatch.setattr(_triton, "enqueue", noted)
    return factors


@pytest.mark.parametrize("bounds", [(1 / 8, 1 / 3), (-0.5, 0.5)], ids=str)
@pytest.mark.parametrize("mode", [{"training": True, "rng": 2**64 - 5}, {"training": True, "rng": 5, "shared_axes": 0}, {}], ids=str)
def test_the_backend_and_its_gradients(served, launches, mode, bounds):
    import multirrelu

    host = torch.randn(6, 130, generator=torch.Generator().manual_seed(2))
    x = host.clone().to(served).requires_grad_()
    y = multirrelu.rrelu(x, *bounds, **mode)
    y.sum().backward()
    # In evaluation PyTorch's own leaky_relu scales a tensor by its own gate, and the kernel the gradient.
    assert launches == ([lattice(*bounds)] * 2 if mode else [sum(bounds) / 2])
    want, pullback = multirrelu.rrelu_vjp(host.numpy(), *bounds, **mode)
    assert_equal = np.testing.assert_array_equal
    assert_equal(y.detach().cpu().numpy(), want)
    assert_equal(x.grad.cpu().numpy(), pullback(np.ones_like(want)))
    multirrelu.rrelu(x.data, *bounds, inplace=True, **mode)
    assert_equal(x.detach().cpu().numpy(), want)


def test_the_backend_with_keys_in_tensors(served, launches):
    import multirrelu

    x = torch.randn(4, 3, 50, generator=torch.Generator().manual_seed(2)).to(served)
    keys = torch.tensor([1, -1, 7, 2**40], device=served)
    got = torch.func.vmap(lambda t, key: multirrelu.scale(t, t, Slopes(0.1, 0.3, key, offset=6)))(x, keys)
    one = torch.stack([multirrelu.scale(t, t, Slopes(0.1, 0.3, key, offset=6)) for t, key in zip(x, keys, strict=True)])
    want = torch.stack([agnostic.scale(t, t, Slopes(0.1, 0.3, int(key) % 2**64, 6)) for t, key in zip(x.cpu(), keys, strict=True)])
    assert torch.equal(got.cpu(), want)
    assert torch.equal(one.cpu(), want)
    assert launches == [lattice(0.1, 0.3)] * 5  # one for all keys of vmap, then one a key


def test_a_launch_shows_that_the_kernels_run(served):
    device = torch.zeros(1, device=served).device
    assert devices.triton_fails(device) == ""
    assert devices.cuda_kernel(device) is _triton


def failing(monkeypatch, error):
    def launch(*_):
        raise error

    monkeypatch.setattr(_triton, "_launch", launch)


HEADERS = r": install a C compiler and Python's headers \(Debian: apt install gcc python3-dev\)$"


def no_compiler(monkeypatch):
    failing(monkeypatch, RuntimeError("Failed to find C compiler. Please specify via CC environment variable."))
    return rf"Triton cannot build its launcher \(RuntimeError: Failed to find C compiler\. Please .*\){HEADERS}"


def no_headers(monkeypatch):
    failing(monkeypatch, subprocess.CalledProcessError(1, ["/usr/bin/gcc", *("-I/include/" + "long" * 9,) * 9]))
    return rf"Triton cannot build its launcher \(CalledProcessError: Command '\['/usr/bin/gcc', .{{1,110}} \.\.\.\){HEADERS}"


def no_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, "multirrelu_backends._triton", None)
    monkeypatch.delattr("multirrelu_backends._triton")
    return r"Triton cannot be imported \(ModuleNotFoundError: .*\): pip install triton$"


def no_triton_on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    return f"{no_triton(monkeypatch)[:-1]}-windows$"


def an_old_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (6, 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA GeForce GTX 1080")
    return r"NVIDIA GeForce GTX 1080 has compute capability 6\.1, and Triton needs 7\.0 or later$"


def an_old_driver(monkeypatch):
    failing(monkeypatch, RuntimeError("Triton Error [CUDA]: the provided PTX was compiled with an unsupported toolchain."))
    cure = "install a newer driver, or the PyTorch that is built for its CUDA$"
    return rf"the driver refuses Triton's code \(RuntimeError: Triton Error .* unsupported toolchain\.\): {cure}"


def something_else(monkeypatch):
    failing(monkeypatch, ValueError("two\nlines"))
    return r"Triton cannot launch a kernel \(ValueError: two lines\)$"


@pytest.mark.parametrize("missing", [no_compiler, no_headers, no_triton, no_triton_on_windows, an_old_gpu, an_old_driver, something_else])
def test_where_the_kernels_do_not_run_standard_functions_do_and_it_is_said_once(served, missing, monkeypatch):
    import multirrelu

    reason = missing(monkeypatch)
    x = torch.randn(50, generator=torch.Generator().manual_seed(2)).to(served)
    with pytest.warns(RuntimeWarning, match=rf"^multirrelu: using the slower standard functions on {x.device} because {reason}"):
        multirrelu.scale(x, x, Slopes(0.1, 0.3, 7))
    for key in (7, torch.tensor(7, device=served)):
        got = multirrelu.scale(x, x, Slopes(0.1, 0.3, key))
        assert torch.equal(got.cpu(), agnostic.scale(x.cpu(), x.cpu(), Slopes(0.1, 0.3, 7)))
    keys = torch.tensor([7, 8], device=served)
    rows = torch.func.vmap(lambda key: multirrelu.scale(x, x, Slopes(0.1, 0.3, key)))(keys)
    assert torch.equal(rows.cpu(), torch.stack([agnostic.scale(x.cpu(), x.cpu(), Slopes(0.1, 0.3, int(key))) for key in keys]))


@pytest.mark.parametrize(
    ("reason", "path"),
    [
        ("", "a fused kernel by Triton on cuda:3, where scale_at and sparse tensors use the slower standard functions"),
        ("it is missing", "the slower standard functions on cuda:3 because it is missing"),
    ],
    ids=["none", "some"],
)
def test_the_report_says_which_path_and_why(reason, path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(devices, "triton_fails", {torch.device("cuda:3"): reason}.__getitem__)
    assert devices.describe().endswith(f"; {path}")


def test_what_triton_itself_says_where_no_gpu_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: devices.OLDEST)
    assert devices._launch_fails(torch.device("cpu")).startswith("Triton cannot launch a kernel (")

"""Sessions that check a change: ``pip install nox && nox``. ``nox -l`` lists all; those without a star run only when named."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).parent / ".ci"))
import times

nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False  # the tests run on the installed Pythons
nox.options.reuse_venv = "yes"
nox.options.parallel = 2  # while one session installs, or runs what needs one processor, the other has work
nox.options.allow_parallel = True  # unless a session measures

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
TORCH_PYTHON = "3.11"  # one version is enough for a library of that size
NO_CUDA = (  # without the site too; both have their own sessions
    *(f"--ignore=tests/{name}" for name in ("backends/test_cuda.py", "conformance/test_cuda.py", "site")),
)
NO_MUTANTS = (*NO_CUDA, "--ignore=tests/conformance/test_mutants.py")  # the mutants take a minute, and one run is enough
ONCE = ("-k", "not TestNumpyReference and not TestNumpyWithoutNumba")  # these are the same in every session
# Tests that the lowest versions cannot run: they need a device of array-api-strict, versions of the standard without the warning of a
# draft, namespaces that array-api-compat need not hash, or a NumPy bool that is no index.
TOO_NEW = "every_version_of_the_standard or bool_ or an_array_of_its_library_is_served_by_it or sizes_that_are_not_known"
TOO_NEW += " or a_namespace_that_lacks or record_without_a_namespace or was_met_before_is_found_again"
TOO_NEW += " or (test_scipy and finds_a_wrong_answer)"  # which the report names by an index, and SciPy 1.15 has none for COO
HUNG = ("-o", "faulthandler_timeout=900", "-o", "faulthandler_exit_on_timeout=true")  # seconds: show where a cluster hangs, and fail
CONSTRAINTS = ("-c", str(ROOT / "constraints.txt"))
SCHEMAS = {
    "github-workflows": ".github/workflows/*.yml",
    "dependabot": ".github/dependabot.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "citation-file-format": "CITATION.cff",
}
CORE = [
    f"tests/test_{topic}.py"
    for topic in (
        *("contract", "bounds", "scalars", "stream", "agnostic", "registry", "entry_points", "once", "refusals", "keys", "checks"),
        *("memory", "dlpack", "rrelu", "layer", "imports"),
    )
]
TOGETHER = "tests/test_many_at_once.py"  # in every session that has a library of its own
ON_MEMORY = "TestCupy and (layouts or sizes or out or inplace or rows or far or strides) or gpu"  # for the sanitizer, which is slow
DASK = [
    TOGETHER,
    *(f"tests/backends/test_{name}.py" for name in ("cubed", "dask", "dask_cluster", "sparse", "xarray")),
    *(f"tests/conformance/test_{name}.py" for name in ("cubed", "dask", "sparse")),
    *("tests/fuzz/test_fuzz.py::TestDask", "tests/test_benchmarks_dask.py", "tests/test_benchmarks_sparse.py"),
]
PLATFORM = [  # the tests that another Python, or the lack of Numba, can change
    *CORE,
    *(f"tests/backends/test_{topic}.py" for topic in ("kernel", "layout", "numpy", "threads")),
    *("tests/test_report.py", "tests/conformance/test_numpy.py"),
]
JAX_LAYERS = ("flax", "linen", "equinox")
JAX_EXAMPLES = [  # they need libraries that only one session has
    *(f"src/multirrelu/layers/{name}.py" for name in JAX_LAYERS),
    *(f"docs/libraries/{name}.md" for name in ("flax", "equinox")),
]
JAX = [
    TOGETHER,
    *("tests/backends/test_jax.py", "tests/test_bench.py", "tests/test_demo_jax.py", "tests/test_keys.py", "tests/test_checks.py"),
    *(f"tests/layers/test_{name}.py" for name in JAX_LAYERS),
]

KERAS = [  # on the Keras backend of each session
    *(f"tests/layers/test_{name}.py" for name in ("keras", "keras_models", "keras_own")),
    "tests/test_demo_trainers.py",
]
KERAS_EXAMPLES = ["src/multirrelu/layers/keras.py", "docs/libraries/keras.md"]
ELSEWHERE = [  # the sessions of these libraries run their examples
    *(*JAX_EXAMPLES, *KERAS_EXAMPLES),
    *(f"docs/libraries/{name}.md" for name in ("cubed", "dask", "mlx", "ndonnx", "others", "sparse", "tensorflow")),
]
EXAMPLES = [
    *(f"--ignore={path}" for path in ELSEWHERE),
    *("src", "backends/multirrelu_backends/threads.py", "README.md", "docs"),
    *("tests/test_docstrings.py", "tests/layers/test_docstrings.py"),
]

# pyenv shows only the versions that are selected for this folder; the other installed versions run the tests too.
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, PYENV.glob("versions/3.*/bin"))])


def install(session: nox.Session, *groups: str, extras: str = "", constraints: tuple[str, str] = CONSTRAINTS) -> None:
    """Install the checkout, editable, with some of its extras and dependency groups."""
    wanted = [name for group in groups for name in nox.project.dependency_groups(PROJECT, group)]
    session.install("-e", f".[{extras}]" if extras else ".", *wanted, *constraints)
    session.env["NUMBA_CACHE_DIR"] = str(ROOT / ".nox" / "numba")  # all sessions share the kernels that one of them compiles


def pytest(session: nox.Session, *args: str, measured: bool = True, cold: bool = False) -> None:
    """Run pytest, and save its coverage for the session `coverage`; where `cold`, compile every kernel that it runs."""
    runner = ["coverage", "run", "-m", "pytest"] if measured else ["python", "-m", "pytest"]
    data = ROOT / ".nox" / "coverage-data" / re.sub(r"\W+", "-", session.name)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    env = {"COVERAGE_FILE": str(data / ".coverage"), "PYTHONPATH": None} | ({"NUMBA_CACHE_DIR": str(data / "numba")} if cold else {})
    session.run(*runner, "-n", "auto", "--dist", "loadscope", "--durations=5", *args, *session.posargs, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and format of the source, by ruff; schemas and security of the files that GitHub reads."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"), *CONSTRAINTS)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    for schema, files in SCHEMAS.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, sorted(ROOT.glob(files))))
    session.run("zizmor", "--offline", "--quiet", "--persona=pedantic", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Type annotations, by mypy in strict mode."""
    install(session, "types")
    session.run("mypy")
    session.run("mypy", "tests/typing/results.py")


@nox.session(python=TORCH_PYTHON)
def docs(session: nox.Session) -> None:
    """The site in .nox/site, with warnings as errors, its tests in a browser, every example, and the benchmark on a few elements.

    The reference and the figures import every library. `nox -R -s docs -- docs/start.md` reads only changed files, and writes and tests
    only the named pages, in seconds.
    """
    install(session, "docs", "site", "examples", "strict", "torch", extras="numpy,jax,flax,equinox,keras,dask,conformance,demo")
    session.env["KERAS_BACKEND"] = "jax"
    build = ["sphinx-build", "--fail-on-warning", "--keep-going", "docs", str(ROOT / ".nox" / "site")]
    pages = [re.sub(r"^docs/|\.md$", "", page) for page in session.posargs]
    if pages:
        session.run(*build, *session.posargs)
        session.run("python", "-m", "pytest", "-q", "tests/site/test_pages.py", "-k", " or ".join(f"[{page}.html]" for page in pages))
    else:
        shutil.rmtree(ROOT / "docs" / "reference", ignore_errors=True)  # autosummary makes these pages, and never deletes them
        session.run(*build, "--fresh-env")
        session.run("python", "-m", "pytest", "-q", "tests/site")
        pytest(session, "-p", "tests.examples", *EXAMPLES, measured=False)
        pytest(session, "tests/test_benchmarks.py", measured=False)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests that need only NumPy and Numba; on other installed Pythons, those that a Python can change."""
    if session.python == HERE:
        install(session, "test", "bfloat16", extras="numpy,conformance,demo")
        pytest(session, "--library=numpy", *NO_CUDA, cold=True)  # the code that makes a kernel is covered only when the kernel is made
    else:
        install(session, "test", "bfloat16", extras="numpy,conformance")
        pytest(session, "--library=numpy", *PLATFORM, *ONCE, measured=False)


@nox.session
def without_numba(session: nox.Session) -> None:
    """The tests of NumPy where Numba is not installed."""
    install(session, "test", "bfloat16", extras="conformance")
    pytest(session, "--library=numpy", *PLATFORM, *ONCE)


@nox.session
def strict(session: nox.Session) -> None:
    """The core on array-api-strict, which has only the functions of the standard."""
    install(session, "test", "strict", extras="conformance")
    pytest(session, "--library=array_api_strict", *CORE, TOGETHER, "tests/test_narrow.py", "tests/conformance/test_strict.py", "tests/fuzz")


@nox.session(python=TORCH_PYTHON)
def torch(session: nox.Session) -> None:
    """The core on PyTorch, PyTorch's backend and layer, Keras's layer on PyTorch, and the demo's trainers."""
    install(session, "test", "torch", "export", "types", extras="torch,keras,conformance,demo")
    session.env["KERAS_BACKEND"] = "torch"
    ours = [
        TOGETHER,
        "tests/backends/pytorch",
        *(f"tests/layers/test_{name}.py" for name in ("torch", "torch_convert", "torch_traces")),
        *KERAS,
        "tests/conformance/test_torch.py",
        "tests/conformance/test_mutants.py",
        "tests/fuzz",
        "tests/test_bench.py",
    ]
    pytest(session, "--library=torch", *CORE, *ours)
    sources = os.pathsep.join(("src", "backends"))  # without the project's settings, which leave out PyTorch's types
    session.run("mypy", "--config-file=", "--strict", "tests/typing/torch_results.py", env={"MYPYPATH": sources})


@nox.session(python=TORCH_PYTHON, default=False)
def registries(session: nox.Session) -> None:
    """PyTorch's layer in large packages: timm, torchvision, MONAI, Transformers, PyTorch Geometric and Captum."""
    install(session, "test", "torch", "registries", extras="torch")
    pytest(session, "tests/layers/test_registries.py", measured=False)


@nox.session(python=TORCH_PYTHON)
def no_numpy(session: nox.Session) -> None:
    """The core on PyTorch where NumPy is not installed."""
    install(session, "test", "torch")
    session.run("python", "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('numpy') and 'NumPy is installed')")
    pytest(session, "--library=torch", *CORE)


@nox.session
def jax(session: nox.Session) -> None:
    """JAX on eight devices of one processor and in several processes, the layers with their examples, and the demo in JAX."""
    install(session, "examples", "jax", extras="numpy,conformance,demo,jax,flax,equinox,keras")
    session.env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    session.env["KERAS_BACKEND"] = "jax"
    pytest(session, "--library=jax", "--library=numpy", *JAX, *KERAS)
    others = ["tests/conformance/test_jax.py", "tests/backends/test_jax_sharding.py", "tests/backends/test_jax_processes.py"]
    others += ["tests/test_benchmarks_jax.py", "tests/layers/test_docstrings.py", "tests/fuzz/test_fuzz.py::TestJax"]
    session.run("python", "-m", "pytest", "-q", "-p", "tests.examples", *JAX_EXAMPLES, *others)  # covers nothing more, so not measured
    session.run("python", "-m", "pytest", "-q", "--library=jax", "tests/conformance/test_mutants.py")
    session.run("python", "-m", "pytest", "-q", "tests/layers/test_keras.py", env={"KERAS_BACKEND": "numpy"})  # which imports JAX


@nox.session
def mlx(session: nox.Session) -> None:
    """MLX on the CPU, and the examples of its page."""
    install(session, "examples", extras="mlx,conformance")
    ours = [f"tests/{name}" for name in ("backends/test_mlx.py", "conformance/test_mlx.py", "fuzz/test_fuzz.py::TestMlx")]
    pytest(session, "-p", "tests.examples", TOGETHER, *ours, "docs/libraries/mlx.md")


@nox.session
def tensorflow(session: nox.Session) -> None:
    """TensorFlow on the CPU: eager, in graphs and under XLA; Keras on TensorFlow; the examples of their pages."""
    install(session, "examples", "tensorflow", extras="keras,conformance,demo")
    session.env["TF_CPP_MIN_LOG_LEVEL"] = "3"
    ours = [f"tests/{name}_tensorflow.py" for name in ("backends/test", "conformance/test")]
    ours += [TOGETHER, "tests/fuzz/test_fuzz.py::TestTensorFlow", "docs/libraries/tensorflow.md"]
    pytest(session, "-p", "tests.examples", *ours, *KERAS, *KERAS_EXAMPLES)


@nox.session
def onnx(session: nox.Session) -> None:
    """Graphs of ndonnx, run by onnxruntime, and the examples of their page and of libraries without a backend."""
    install(session, "examples", "others", extras="ndonnx,conformance")
    ours = [
        TOGETHER,
        "tests/backends/test_ndonnx.py",
        "tests/conformance/test_ndonnx.py",
        *(f"docs/libraries/{name}.md" for name in ("ndonnx", "others")),
    ]
    pytest(session, "-p", "tests.examples", *ours)


@nox.session
def dask(session: nox.Session) -> None:
    """Dask in one process and on a cluster of two, cubed, sparse arrays, xarray, and the examples of their pages."""
    install(session, "examples", "dask", "bfloat16", extras="dask,cubed,sparse,conformance")
    pytest(session, *HUNG, "-p", "tests.examples", *DASK, *(f"docs/libraries/{name}.md" for name in ("cubed", "dask", "sparse")))
    planned = {"DASK_ARRAY__QUERY_PLANNING": "True"}  # Dask reads it once in a process
    session.run("python", "-m", "pytest", "-q", "-n", "auto", "tests/backends/test_dask.py", env=planned)


@nox.session(python=TORCH_PYTHON)
def cuda(session: nox.Session) -> None:
    """The GPU kernels without a GPU: on the host and in Triton's interpreter, bit for bit, and compiled for NVIDIA and AMD GPUs."""
    install(session, "test", "bfloat16", "torch", "triton", "cuda", extras="conformance")
    ours = [f"tests/backends/test_{name}.py" for name in ("cuda", "cuda_memory", "compilers", "cupy", "triton")]
    benchmark = ["tests/test_gpu_benchmark.py", "tests/test_gpu_benchmark_cupy.py"]
    pytest(session, *ours, "tests/conformance/test_cuda.py", "tests/test_keys.py", *benchmark)


@nox.session(default=False, allow_parallel=False)
def gpu(session: nox.Session) -> None:
    """All tests on this machine's GPU, with the CUDA version of its driver, then the benchmark; libraries without a GPU are skipped."""
    cuda = min(driver(), 13)
    if cuda < 12:
        session.error(f"the driver must run CUDA 12 or 13, and this machine's runs {cuda or 'none'}")
    install(session, "test", "bfloat16", *(["torch"] if cuda == 13 else []), extras=f"cupy-cuda{cuda},conformance")
    session.install(f"jax[cuda{cuda}]", "cuda-toolkit[sanitizer]", *CONSTRAINTS)
    if cuda == 12:
        session.warn("PyTorch is left out: the version that constraints.txt names is built for CUDA 13")
    session.run("python", "tests/gpus.py")
    suites = ["tests/conformance/test_cupy.py", "tests/gpu", "tests/backends/test_triton.py", "tests/fuzz/test_fuzz.py::TestCupy", TOGETHER]
    # Triton's interpreter, which runs in the session `cuda`, could leave its mark on Triton's compiler.
    session.run("python", "-m", "pytest", *suites, "-k", "not interpreter", env={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"})
    (sanitizer,) = Path(session.virtualenv.location).rglob("bin/compute-sanitizer")
    checked = ["python", "-m", "pytest", "-p", "tests.unpooled", suites[0], suites[2], "-k", ON_MEMORY]
    session.run(str(sanitizer), "--tool=memcheck", "--error-exitcode=1", "--target-processes=all", *checked, external=True)
    session.run("python", "benchmarks/gpu.py")


def driver() -> int:
    """Return the latest CUDA version that this machine's driver runs, such as 13, or 0 where there is no driver."""
    version = ctypes.c_int()
    try:
        ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except OSError:
        return 0
    return version.value // 1000


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The tests on the lowest versions that pyproject.toml allows."""
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(name for extra in extras.values() for name in extra)]
    wanted += nox.project.dependency_groups(PROJECT, "test", "strict", "bfloat16")
    pins = Path(session.create_tmp()) / "lowest.txt"
    pins.write_text("\n".join(sorted({re.sub(r"\[.*\]", "", name).replace(">=", "==") for name in wanted})), encoding="utf-8")
    install(session, "test", "strict", "bfloat16", extras="numpy,conformance,demo", constraints=("-c", str(pins.resolve())))
    chosen = *NO_MUTANTS, "--ignore=tests/test_narrow.py", "-k", f"{ONCE[1]} and not ({TOO_NEW})"
    pytest(session, "--library=numpy", "--library=array_api_strict", *chosen, measured=False, cold=True)  # of another Numba


@nox.session
def conformance(session: nox.Session) -> None:
    """The built wheel without the sources: the suite passes a third-party backend and rejects a broken one."""
    place = Path(tempfile.mkdtemp())  # outside the checkout, where pytest would find pyproject.toml
    shutil.copytree(ROOT / "tests" / "third_party", place, dirs_exist_ok=True)
    session.install("build", *CONSTRAINTS)
    session.run("python", "-m", "build", "--outdir", str(place / "dist"), str(ROOT), silent=True)
    (wheel,) = place.glob("dist/*.whl")
    session.install("--force-reinstall", "--no-deps", str(wheel))
    session.install(f"multirrelu[conformance] @ {wheel.as_uri()}", *CONSTRAINTS)
    session.chdir(place)
    alone = {"PYTHONPATH": None}
    sources = str(ROOT / "src")
    reach = f"import sys, multirrelu as m; print(m.__file__); sys.exit(any(p.startswith({sources!r}) for p in (*sys.path, m.__file__)))"
    session.run("python", "-c", reach, env=alone)
    session.run("python", "-m", "multirrelu", env=alone)
    session.run("python", "-m", "pytest", "-q", "test_conformance.py", env=alone)
    session.run("python", "-m", "pytest", "-q", "-k", "apart", "test_mistake.py", success_codes=[1], env=alone, silent=True)
    shutil.rmtree(place)


@nox.session(default=False)
def emulated_arm(session: nox.Session) -> None:
    """The exact tests of the suite on an emulated ARM processor, with the kernels of Apple's M1. `-- cortex-a72` names another."""
    session.run("python", ".ci/emulated_arm.py", *session.posargs)


@nox.session(python=PYTHONS[0], default=False)
def release(session: nox.Session) -> None:
    """Build the wheel and the sdist in .nox/distributions, and run the tests from the sdist. `-- v0.1.0` names the release's tag."""
    place = ROOT / ".nox" / "distributions"
    shutil.rmtree(place, ignore_errors=True)
    session.install("build", *CONSTRAINTS)
    session.run("python", "-m", "build", "--outdir", str(place), silent=True)
    (wheel,), (sdist,) = place.glob("*.whl"), place.glob("*.tar.gz")
    if session.posargs:
        session.run("python", ".ci/release.py", str(sdist), *session.posargs)
    unpacked = Path(session.create_tmp()).resolve()
    shutil.unpack_archive(sdist, unpacked, filter="data")
    session.chdir(unpacked / sdist.name.removesuffix(".tar.gz"))
    wanted = nox.project.dependency_groups(PROJECT, "test", "bfloat16")
    session.install(f"multirrelu[numpy,conformance,demo] @ {wheel.as_uri()}", *wanted, *CONSTRAINTS)
    session.run("python", "-m", "pytest", "-n", "auto", "--library=numpy", *NO_MUTANTS, *ONCE)


@nox.session(python=PYTHONS[0], default=False)
def constraints(session: nox.Session) -> None:
    """Renew constraints.txt with the newest versions that are compatible. Then run nox, and commit the file if it passes."""
    extras = [name for extra in PROJECT["project"]["optional-dependencies"].values() for name in extra]
    groups = nox.project.dependency_groups(PROJECT, *PROJECT["dependency-groups"])
    session.run("python", ".ci/constraints.py", "build", "nox", *PROJECT["project"]["dependencies"], *extras, *groups)


@nox.session(allow_parallel=False)  # after all others
def coverage(session: nox.Session) -> None:
    """Coverage of all measured sessions together: lines and branches, with those that are missed.

    The known gaps are kernels that Numba compiles (pyproject.toml leaves them out), and code that only other machines reach: a processor
    without float16, a system without fork, and a child process that ends before it can report.
    """
    session.install("coverage[toml]", *CONSTRAINTS)
    data = [str(folder) for folder in (ROOT / ".nox" / "coverage-data").iterdir()]
    session.run("coverage", "combine", "--keep", "--quiet", *data)
    session.run("coverage", "report")


@nox.session(python=TORCH_PYTHON, default=False)
def fuzz(session: nox.Session) -> None:
    """Random cases on every library, bit for bit: `nox -s fuzz -- --cases 10000 --seed 1 --library numpy`; by default 1000 of seed 0."""
    install(session, "test", "bfloat16", "strict", "torch", extras="numpy,conformance,jax,dask")
    session.run("python", "-m", "fuzz", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(python=TORCH_PYTHON, default=False)
def soak(session: nox.Session) -> None:
    """Threads, forks, signals and damaged caches, on NumPy and PyTorch, for ten minutes: `nox -s soak -- --minutes 1 --scenario forks`."""
    install(session, "test", "torch", extras="numpy,conformance")
    session.run("python", "-m", "soak", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(python=TORCH_PYTHON, default=False, allow_parallel=False)
def bench(session: nox.Session) -> None:
    """Measure NumPy's backend against PyTorch, NumPy, a copy and older processors: tables, and JSON under benchmarks/results."""
    install(session, "torch", extras="numpy")
    session.run("python", "benchmarks/numpy_cpu.py", *session.posargs)
    session.run("python", "benchmarks/vectors.py")


@nox.session(python=TORCH_PYTHON, default=False, allow_parallel=False)
def bench_torch(session: nox.Session) -> None:
    """Measure PyTorch's backend on the CPU against PyTorch's own RReLU, in the same form."""
    install(session, extras="torch")
    session.run("python", "benchmarks/torch_cpu.py", *session.posargs)


@nox.session(python=TORCH_PYTHON, default=False, allow_parallel=False)
def bench_dtensor(session: nox.Session) -> None:
    """Measure DTensors in one process and two: a table, and JSON under benchmarks/results."""
    install(session, extras="torch")
    session.run("python", "benchmarks/dtensor_scaling.py", *session.posargs)


@nox.session(default=False, allow_parallel=False)
def bench_jax(session: nox.Session) -> None:
    """Measure JAX's backend against compositions of JAX's functions, then one process against two: tables, and JSON."""
    install(session, extras="jax")
    session.run("python", "benchmarks/jax_cpu.py", *session.posargs)
    session.run("python", "benchmarks/jax_scaling.py")


@nox.session(python=TORCH_PYTHON, default=False, allow_parallel=False)
def bench_sizes(session: nox.Session) -> None:
    """Measure sizes from one element to 2**26 on NumPy, PyTorch and JAX, forward and both passes: a table, and JSON."""
    install(session, "torch", extras="numpy,jax")
    session.run("python", "benchmarks/sizes.py", *session.posargs)


@nox.session(default=False, allow_parallel=False)
def bench_dask(session: nox.Session) -> None:
    """Measure Dask's backend on one and two processes, in memory and to disk: a table, and JSON under benchmarks/results."""
    install(session, "dask", extras="dask")
    session.run("python", "benchmarks/dask_scaling.py", *session.posargs)


@nox.session(default=False, allow_parallel=False)
def bench_sparse(session: nox.Session) -> None:
    """Measure SciPy's and PyData's sparse arrays against a product of the stored elements: a table, and JSON under benchmarks/results."""
    install(session, extras="scipy,sparse")
    session.run("python", "benchmarks/sparse_cpu.py", *session.posargs)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Train the classifiers of the demo."""
    install(session, extras="numpy,demo")
    session.run("python", "-m", "multirrelu", "demo", *session.posargs)


for name, made in nox.registry.get().items():  # `nox -l` shows the first line of a description
    first, *others = (made.__doc__ or "").split("\n")
    made.__doc__ = "\n".join([first + times.of(name), *others])

"""``python -m multirrelu`` as a user has it: in a terminal and out of one, its help, its exit codes, and what the site says of it."""

from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pytest

from multirrelu.__main__ import main
from multirrelu.cli import machine, report
from multirrelu.cli.bench.measure import Measured
from multirrelu.cli.command import bench, conformance, line, output, screen
from multirrelu.cli.command import report as reporting
from multirrelu.cli.command.exits import CODES, Refused, need

ESCAPE = "\x1b["
PAGE = Path(__file__).parents[1] / "docs" / "command_line.md"
PROGRAM = [sys.executable, "-m", "multirrelu"]
HELPS = {"": [], **{name: [name] for name in line.COMMANDS}}
ONE_LIBRARY = """
import sys
from multirrelu.cli import report
from multirrelu.cli.command.line import main
report.known = lambda: ["numpy", "somebody_nowhere"]
sys.exit(main())
"""


def environment(**others):
    """Return the environment without what speaks of terminals."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")}
    return {**kept, "TERM": "xterm-256color", **others}


def run(*arguments, program=PROGRAM, **others):
    return subprocess.run([*program, *arguments], capture_output=True, text=True, env=environment(**others), check=False)


def in_terminal(columns, *arguments, **others):
    """Run the report of NumPy in a terminal of that width; return what is seen there."""
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-c", ONE_LIBRARY, *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**others)) as process:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 1 << 16):
                seen += piece
        except OSError:  # how Linux says that the other side has closed
            pass
    os.close(ours)
    assert process.returncode == 0
    return seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_report_in_a_terminal(np, columns):
    pytest.importorskip("rich")
    seen = in_terminal(columns)
    assert re.search(r"\x1b\[32m\s*(known answers: )?hold", seen)  # green
    assert "numpy" in seen[: seen.index("hold")]  # the progress bar, too, says what is asked
    assert f"{ESCAPE}?25l" in seen  # while it is there the cursor is not
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", seen)
    assert max(len(part) for full in text.split("\n") for part in full.split("\r")) <= columns
    words = " ".join(text.split())
    assert "not installed: somebody_nowhere" in words
    assert "multirrelu_backends.numpy: " in words  # the last column is there, however narrow the terminal is
    assert version("numpy") in words


@pytest.mark.parametrize("columns", [40, 80])
def test_terminal_without_rich(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(screen, "find_spec", lambda name: None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    screen.show(
        ("library", "version", "why"), [("numpy", "2.4.6", "the fused kernel, by Numba, in as many threads as it may take"), ("x", "1", "")]
    )
    screen.note("a paragraph that is longer than forty columns are wide")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    if columns == 40:
        assert lines[:4] == ["numpy", "  version: 2.4.6", "  why: the fused kernel, by Numba, in as", "    many threads as it may take"]
        assert lines[4:6] == ["x", "  version: 1"]
    else:
        assert lines[0] == "library  version  why"


def test_progress_without_a_bar_is_a_line_now_and_then(monkeypatch, capsys):
    clock = iter([0, 3, 11, 12, 19, 22])
    monkeypatch.setattr(screen.time, "monotonic", lambda: next(clock))
    with screen.progress(4) as step:
        for number in range(4):
            step(doing=f"part {number}")
        step(0)
    assert capsys.readouterr() == ("", "50 %: part 1\n100 %: part 3\n")


@pytest.mark.parametrize("others", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_terminal_without_colours(np, others):
    seen = in_terminal(80, **others)
    assert "\x1b" not in seen
    assert max(map(len, seen.split("\n"))) <= 80 or screen.find_spec("rich") is None
    assert "hold" in seen


def test_json_in_a_terminal_is_plain(np):
    seen = in_terminal(80, "--json", NO_COLOR="1")
    assert seen.startswith('{\n "multirrelu": ')


def test_piped_is_plain_text(np):
    done = run(program=[sys.executable, "-c", ONE_LIBRARY])
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    (row,) = [row for row in done.stdout.splitlines() if row.startswith("numpy ")]
    assert re.fullmatch(r"numpy +\S+ +hold +multirrelu_backends\.numpy: .+", row)
    assert f"hold: {reporting.MEANING['hold']}" in done.stdout.splitlines()


def test_without_rich_a_terminal_gets_plain_text(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(screen, "find_spec", lambda name: None)
    screen.show(("a", "b"), [("1", screen.Cell("[red]", "red"))], right=("a",))
    screen.note("[dim]")
    with screen.progress(1) as step:
        step(doing="x")
    assert capsys.readouterr() == ("a  b\n1  [red]\n[dim]\n", "")


def test_text_is_no_markup(monkeypatch, capsys):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen.show(("what",), [(screen.Cell("multirrelu[red]", "green"),)])
    screen.note("multirrelu[red]")
    said = capsys.readouterr().out
    assert said.count("multirrelu[red]") == 2
    assert f"{ESCAPE}32m" in said


NO_LIBRARY = """
import sys
from multirrelu.cli import report
from multirrelu.cli.command import line
report.known = lambda: ["somebody_nowhere"]
if "wait" in sys.argv:
    sys.stdin.read()
sys.exit(line.main([]))
"""


@pytest.mark.parametrize("others", [{}, {"FORCE_COLOR": "1", "PYTHONUNBUFFERED": ""}], ids=["plain", "coloured"])
def test_pipe_that_is_closed(others):
    command = [sys.executable, "-c", NO_LIBRARY, "wait"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, env=environment(**others)) as process:
        process.stdout.close()  # before it writes anything
        process.stdin.close()
        said = process.stderr.read()
    assert b"multirrelu: " not in said
    assert b"Error" not in said
    assert process.returncode == 2


FULL = "multirrelu: [Errno 28] No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("outputs", "code", "said"),
    [(">/dev/full", 2, FULL), (">/dev/full 2>&1", 2, ""), (">/dev/full 2>&-", 2, ""), (">&-", 0, ""), (">&- 2>&-", 0, "")],
    ids=["full", "both_full", "full_and_closed", "closed", "both_closed"],
)
def test_output_that_is_full_or_closed(outputs, code, said, buffered):
    shell = ["sh", "-c", f'exec "$@" {outputs}', "sh", sys.executable, "-c", NO_LIBRARY]
    done = run(program=shell, PYTHONUNBUFFERED=buffered)
    assert (done.stderr, done.stdout, done.returncode) == (said, "", code)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_complaint_that_cannot_be_written():
    done = run(program=["sh", "-c", 'exec "$@" 2>/dev/full', "sh", *PROGRAM, "--nonsense"])
    assert (done.stderr, done.stdout, done.returncode) == ("", "", 2)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EINVAL, "Invalid argument"), ""),
        (OSError(errno.EPIPE, "Broken pipe"), ""),
        (OSError(errno.EINVAL, "Invalid argument", "a.png"), "multirrelu: [Errno 22] Invalid argument: 'a.png'\n"),
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
    ],
    ids=["gone_on_windows", "gone", "a_file", "full"],
)
def test_error_of_the_system(monkeypatch, capsys, error, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(output, "GONE", {errno.EPIPE, errno.EINVAL})  # Windows'
    monkeypatch.setattr(report, "report", fail)
    assert main([]) == 2
    assert capsys.readouterr().err == said


def test_text_that_the_output_cannot_encode():
    code = "import sys; from multirrelu.cli.command import output; output.guarded(lambda: print('\\u65e5\\xb1'))"
    done = run(program=[sys.executable, "-c", code], PYTHONIOENCODING="ascii")
    assert (done.stdout, done.stderr, done.returncode) == ("\\u65e5\\xb1\n", "", 0)


def test_interrupted(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "report", interrupt)
    assert main([]) == 130
    assert capsys.readouterr().err.endswith("multirrelu: interrupted\n")


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"multirrelu {version('multirrelu')}\n"


@pytest.mark.parametrize("name", HELPS)
def test_help(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit) as end:
        main([*HELPS[name], "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert f"\nexamples:\n  python -m multirrelu {name}".rstrip() in said
    assert said.endswith(f"\n{CODES}".rstrip() + "\n")
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("name", HELPS)
def test_help_in_a_narrow_terminal(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit):
        main([*HELPS[name], "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 40 and "python -m multirrelu" not in line] == []


def examples():
    """Return the arguments of every example that some help shows, as a shell would pass them."""
    modules = [reporting, *line.COMMANDS.values()]
    shown = [re.split(r"   | > ", text.strip())[0] for module in modules for text in module.EXAMPLES.splitlines()]
    return [text.removeprefix("python -m multirrelu").replace("'", "").split() for text in shown if "--help" not in text]


@pytest.mark.parametrize("arguments", examples(), ids=" ".join)
def test_examples_of_the_help_are_understood(arguments):
    assert callable(line.parser().parse_args(arguments).run)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["bench", "--library", "abacus"], "invalid choice: 'abacus'"),
        (["bench", "--dtype", "int8"], "invalid choice: 'int8'"),
        (["conformance"], "the following arguments are required: --namespace"),
        (["conformance", "--namespace", ""], "must be the name of a module, got ''"),
        (["conformance", "--namespace", "numpy", "--backend", "mine"], "must be written MODULE:NAME, got 'mine'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_arguments(capsys, arguments, complaint):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_what_is_missing_is_named_with_what_brings_it():
    need("it", {"sys": "sys"}, "some")
    with pytest.raises(Refused, match=re.escape('it needs a-b, c: pip install "multirrelu[one,two]"')):
        need("it", {"nowhere_a": "a-b", "sys": "sys", "nowhere_b": "c"}, "one", "two")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torch", "torch (multirrelu[torch])"),
        ("jax.numpy", "jax.numpy (multirrelu[jax])"),
        ("cupy", "cupy (multirrelu[cupy-cuda12] or multirrelu[cupy-cuda13])"),
        ("mlx.core", "mlx.core (multirrelu[mlx])"),
        ("ndonnx", "ndonnx (multirrelu[ndonnx])"),
    ],
)
def test_how_to_install(name, said):
    assert reporting.how_to_install(name) == said


# The page of the site


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each Python lays out a usage in its own way: the page has that of 3.11")
@pytest.mark.parametrize("name", HELPS)
def test_page_shows_the_help(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*HELPS[name], "--help"])
    command = " ".join(["python -m multirrelu", *HELPS[name], "--help"])
    assert f"```console\n$ {command}\n{capsys.readouterr().out}```\n" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [report.Row, Measured], ids=lambda kind: kind.__name__)
def test_page_has_the_fields(kind):
    text = PAGE.read_text(encoding="utf-8")
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in text] == []


def test_page_has_the_other_fields():
    text = PAGE.read_text(encoding="utf-8")
    summary = conformance.Outcomes().summary()
    about = [*machine.software(), *machine.hardware(), "libraries", "rows", "not_measured", "namespace", "backend", *summary]
    assert [name for name in about if f"`{name}`" not in text] == []


@pytest.mark.parametrize("header", [reporting.HEADER, bench.HEADER], ids=["report", "bench"])
def test_page_shows_the_tables(header):
    lines = [line.split() for line in PAGE.read_text(encoding="utf-8").splitlines()]
    assert " ".join(header).split() in lines

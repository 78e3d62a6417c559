"""Run the parts of a call in several threads, in compiled code: helper threads hold no Python object, and no exception interrupts a call.

A call is one C function, `lead`. It wakes idle helpers, does parts itself, and returns when no helper works on the call any more; a
helper that has not begun by then never begins. Python runs signal handlers only between C functions, so an exception is raised before
or after a call, never during it. Helpers are system threads, started by the function that starts Python's own threads. Each waits in one
C function forever: the process does not wait for helpers at exit, and forgets them after a fork. Their locks are Python's locks, which
every system has. All other shared words are atomic and sequentially consistent.

All compiled code of this module is in this file, because Numba's cache on disk checks only whether this file has changed.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from ._compile import Compiled, compiled

LINE = 64  # bytes of a cache line
PARTS = 4  # parts of a call for each thread: other threads take over the parts of a thread that the system delays

# Fields of records, as positions in words of 8 bytes.
# A crew: the first helper and the number of helpers; a helper whose thread did not start; addresses of C functions, ours and Python's.
FIRST, NUMBER, SPARE, HELP, START, MEMORY, LOCK, ACQUIRE, RELEASE = range(9)
# A helper: its current call; the lock that wakes it; the lock that it releases when it is done; its crew; the next helper of the crew; and
# the next helper that the same caller woke.
CALL, WAKE, DONE, CREW, NEXT, WOKEN = range(6)
IDLE, BUSY, REVOKED = range(3)  # states of a helper, in place of the address of a call
# A call: the next part to do, the numbers of parts and of tasks, the kernel, and its job.
PART, PARTS_IN_ALL, TASKS, KERNEL, JOB = range(5)

I32, I64 = ir.IntType(32), ir.IntType(64)
_inner = njit(error_model="numpy")


def _on_memory(operate: Any, returned: types.Type = types.int64) -> Any:
    """Make an intrinsic for an atomic operation on a word of a record, with any number of operands."""

    def atomic(typingctx: Any, record: Any, at: Any, operands: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            word = b.gep(b.inttoptr(given[0], I64.as_pointer()), [given[1]])
            result = operate(b, word, *(b.extract_value(given[2], i) for i in range(len(operands))))
            return context.get_dummy_value() if returned is types.void else result

        return returned(record, at, operands), generate

    return intrinsic(atomic)


load = _on_memory(lambda b, word: b.load_atomic(word, "seq_cst", 8))
store = _on_memory(lambda b, word, value: b.store_atomic(value, word, "seq_cst", 8), types.void)
add = _on_memory(lambda b, word, value: b.atomic_rmw("add", word, value, "seq_cst"))
exchange = _on_memory(lambda b, word, value: b.atomic_rmw("xchg", word, value, "seq_cst"))
replace = _on_memory(lambda b, word, old, new: b.extract_value(b.cmpxchg(word, old, new, "seq_cst", "seq_cst"), 1), types.boolean)


def _function(returned: ir.Type, *kinds: ir.Type) -> Any:
    """Make an intrinsic that calls a C function by its address."""

    def call(typingctx: Any, function: Any, arguments: Any) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
            pointer = b.inttoptr(given[0], ir.FunctionType(returned, kinds).as_pointer())
            words = [b.extract_value(given[1], i) for i in range(len(kinds))]
            result = b.call(pointer, [b.trunc(word, kind) if kind != I64 else word for word, kind in zip(words, kinds, strict=True)])
            return I64(0) if returned == ir.VoidType() else b.sext(result, I64) if returned != I64 else result

        return types.int64(function, arguments), generate

    return intrinsic(call)


run_kernel = _function(ir.VoidType(), I64, I64, I64)
acquire_lock = _function(I32, I64, I32)
release_lock = _function(ir.VoidType(), I64)
make_lock = _function(I64)
make_memory = _function(I64, I64)
start_thread = _function(I32, I64, I64)  # -1 for a failure; 32 bits of a longer identity are enough to tell


@intrinsic  # type: ignore[untyped-decorator]
def new_call(typingctx: Any) -> Any:
    """Return the address of memory for a call, on the stack of the thread that leads it and leaves it last."""

    def generate(context: Any, b: ir.IRBuilder, signature: Any, given: Any) -> Any:
        with b.goto_entry_block():
            room = b.alloca(ir.ArrayType(I64, 5))
        return b.ptrtoint(room, I64)

    return types.int64(), generate


@_inner
def _take(call):  # type: ignore[no-untyped-def]
    """Do parts of a call until none is left."""
    parts, tasks, kernel, job = load(call, PARTS_IN_ALL, ()), load(call, TASKS, ()), load(call, KERNEL, ()), load(call, JOB, ())
    part = add(call, PART, (1,))
    while part < parts:
        run_kernel(kernel, (job, tasks * part // parts, tasks * (part + 1) // parts))
        part = add(call, PART, (1,))


def help_for_ever(helper):  # type: ignore[no-untyped-def]
    """Run a helper: wait for a call, do parts of it, signal the end."""
    crew = load(helper, CREW, ())
    while True:
        acquire_lock(load(crew, ACQUIRE, ()), (load(helper, WAKE, ()), 1))
        call = load(helper, CALL, ())
        if call != REVOKED and replace(helper, CALL, (call, BUSY)):
            _take(call)
            release_lock(load(crew, RELEASE, ()), (load(helper, DONE, ()),))
        else:
            store(helper, CALL, (IDLE,))


def lead(crew, kernel, job, tasks, parts, wanted):  # type: ignore[no-untyped-def]
    """Do all parts of a call, with the help of at most `wanted` idle helpers."""
    call, woken = new_call(), 0
    store(call, PART, (0,))
    store(call, PARTS_IN_ALL, (parts,))
    store(call, TASKS, (tasks,))
    store(call, KERNEL, (kernel,))
    store(call, JOB, (job,))
    helper = load(crew, FIRST, ())
    while helper != 0 and wanted > 0:
        if replace(helper, CALL, (IDLE, call)):
            store(helper, WOKEN, (woken,))
            woken, wanted = helper, wanted - 1
            release_lock(load(crew, RELEASE, ()), (load(helper, WAKE, ()),))
        helper = load(helper, NEXT, ())
    _take(call)
    while woken != 0:
        helper, woken = woken, load(woken, WOKEN, ())
        if not replace(helper, CALL, (call, REVOKED)):  # the helper has begun
            acquire_lock(load(crew, ACQUIRE, ()), (load(helper, DONE, ()), 1))
            store(helper, CALL, (IDLE,))


@_inner
def _new_helper(crew):  # type: ignore[no-untyped-def]
    """Return a helper without a thread, or 0 where memory is lacking; both of its locks are acquired."""
    helper = make_memory(load(crew, MEMORY, ()), (2 * LINE,))
    wake, done = make_lock(load(crew, LOCK, ()), ()), make_lock(load(crew, LOCK, ()), ())
    if helper == 0 or wake == 0 or done == 0:
        return 0
    for at, word in ((CALL, IDLE), (WAKE, wake), (DONE, done), (CREW, crew)):
        store(helper, at, (word,))
    acquire_lock(load(crew, ACQUIRE, ()), (wake, 1))
    acquire_lock(load(crew, ACQUIRE, ()), (done, 1))
    return helper


def enlist(crew, wanted):  # type: ignore[no-untyped-def]
    """Start helpers until there are `wanted` of them, or the system starts no more."""
    number = load(crew, NUMBER, ())
    while number < wanted:
        if replace(crew, NUMBER, (number, number + 1)):
            helper = exchange(crew, SPARE, (0,))
            if helper == 0:
                helper = _new_helper(crew)
            if helper == 0 or start_thread(load(crew, START, ()), (load(crew, HELP, ()), helper)) == -1:
                store(crew, SPARE, (helper,))
                add(crew, NUMBER, (-1,))
                return
            first = load(crew, FIRST, ())
            store(helper, NEXT, (first,))
            while not replace(crew, FIRST, (first, helper)):
                first = load(crew, FIRST, ())
                store(helper, NEXT, (first,))
        number = load(crew, NUMBER, ())


class Crew:
    """The helpers, which start when they are first needed; their memory is never freed, because they outlive the interpreter."""

    def __init__(self) -> None:
        word, number, python = types.int64, ctypes.c_int64, ctypes.pythonapi
        helps = compiled(help_for_ever, types.void(word), ctypes.CFUNCTYPE(None, number))
        # `PYFUNCTYPE` keeps the GIL, which Python's function for starting a thread may need.
        self._enlist = compiled(enlist, types.void(word, word), ctypes.PYFUNCTYPE(None, number, number)).call
        prototype = ctypes.CFUNCTYPE(None, number, number, ctypes.c_char_p, number, number, number)
        self._lead = compiled(lead, types.void(*[word] * 6), prototype).call
        needed = (
            python.PyThread_start_new_thread,
            python.PyMem_RawMalloc,
            python.PyThread_allocate_lock,
            python.PyThread_acquire_lock,
            python.PyThread_release_lock,
        )
        addresses = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in needed]
        self.record = (number * 9)(0, 0, 0, helps.address, *addresses)
        self._address = ctypes.addressof(self.record)
        python.Py_IncRef(ctypes.py_object(self.record))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def share(self, kernel: Compiled, job: bytes, tasks: int, threads: int) -> None:
        """Run a kernel on the tasks of a job, in this thread and up to ``threads - 1`` helpers."""
        self._enlist(self._address, threads - 1)
        self._lead(self._address, kernel.address, job, tasks, min(tasks, threads * PARTS), threads - 1)

    def _forget(self) -> None:
        """Forget the helpers, none of which exists after a fork."""
        ctypes.memset(self._address, 0, 8 * HELP)

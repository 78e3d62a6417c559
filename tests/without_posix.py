"""A plugin of pytest that takes away what Windows lacks: ``-p tests.without_posix``. Tests pass without it, or skip and say why."""

from __future__ import annotations

import os
import signal
import sys

ABSENT = {
    os: ("fork", "forkpty", "killpg", "mkfifo", "register_at_fork", "sched_getaffinity", "sched_setaffinity"),
    signal: ("SIGALRM", "SIGUSR1", "alarm", "getitimer", "setitimer"),
}
MODULES = ("fcntl", "pty", "resource", "termios")

for module, names in ABSENT.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.modules.update(dict.fromkeys(MODULES))  # None: an import raises

"""CPU time of processes, and what the machine is, from /proc."""

import contextlib
import os
import platform
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat, counted after the name of the program.
PARENT, OWN_USER, OWN_SYSTEM, ENDED_USER, ENDED_SYSTEM = 1, 11, 12, 13, 14


def of_tree(root: int) -> float:
    """Return the CPU seconds of a process and all its descendants, the ended ones included.

    A descendant that has ended is counted by the process that has waited for it, as gunicorn and
    PostgreSQL do for theirs.
    """
    facts = _facts()
    children: dict[int, list[int]] = {}
    for pid, fields in facts.items():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    ticks, left = 0, [root]
    while left:
        pid = left.pop()
        left += children.get(pid, ())
        if pid in facts:
            fields = facts[pid]
            ticks += sum(int(fields[i]) for i in (OWN_USER, OWN_SYSTEM, ENDED_USER, ENDED_SYSTEM))
    return ticks / TICK


def of_machine() -> float:
    """Return the CPU seconds of all programs, and those that the host has openly taken away."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    idle, waiting = 3, 4
    busy = [int(field) for field in fields[:8]]
    return (sum(busy) - busy[idle] - busy[waiting]) / TICK


def _facts() -> dict[int, list[str]]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has just ended
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return found


def machine() -> dict[str, str | int]:
    """Return what a reader must know of the machine to judge a measurement."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1]) // 1024
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_mebibytes": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }

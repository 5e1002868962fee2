"""CPU time and memory of processes, read from /proc (https://docs.kernel.org/filesystems/proc.html); Linux only."""

import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment; CPU includes ended children that it waited for."""

    pid: int
    parent: int
    command: str
    cpu_seconds: float


def processes() -> dict[int, Process]:
    """All processes that can be seen now."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:
                continue
            command, _, rest = text.partition("(")[2].rpartition(")")
            fields = rest.split()
            ticks = sum(int(field) for field in fields[11:15])
            found[int(folder.name)] = Process(int(folder.name), int(fields[1]), command, ticks * _TICK_SECONDS)
    return found


def tree(root: int) -> list[Process]:
    """A process and all below it."""
    everything = processes()
    children: dict[int, list[int]] = {}
    for process in everything.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        if pid in everything:
            found.append(everything[pid])
            waiting.extend(children.get(pid, ()))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that process trees have used so far."""
    return sum(process.cpu_seconds for pid in pids for process in tree(pid))


def machine_cpu_seconds() -> float:
    """CPU time that anything on this machine has used so far."""
    user, nice, system, _idle, _waiting, *rest = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    interrupts = sum(int(ticks) for ticks in rest[:2])
    return (int(user) + int(nice) + int(system) + interrupts) * _TICK_SECONDS


def ended_children_cpu_seconds() -> float:
    """CPU time of the processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_bytes(pid: int) -> int:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def command_line(pid: int) -> str:
    """How a process was called; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""

"""Which process holds the right to write, and whether that process is certainly gone.

A killed process leaves its lock behind. On the machine where it ran that can be seen, so that the clinician who starts
the app anew need not wait until the lock runs out. Where it cannot be seen (another machine, another container, another
system than Linux) the answer is "not certainly gone".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def this_process() -> dict[str, str]:
    """``place`` (this boot of this machine and its process namespace), ``pid`` and ``born``; {} where unknown."""
    place, born = _place(), _born(os.getpid())
    return {"place": place, "pid": str(os.getpid()), "born": born} if place and born else {}


def is_gone(holder: Mapping[str, Any]) -> bool:
    """True only where the holder ran in this very place and its process is no longer there."""
    pid, born, place = holder.get("pid"), holder.get("born"), _place()
    if not place or holder.get("place") != place or not isinstance(pid, str) or not pid.isdecimal():
        return False
    return _born(int(pid)) != born


@cache
def _place() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        names = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}|{names}|{os.uname().nodename}".encode()).hexdigest()


def _born(pid: int) -> str:
    """When the process began, in ticks since boot: a number used again is another process; '' where there is none."""
    try:
        words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # the first word is the state: a zombie was killed and only waits to be collected
    return "" if not words or words[0] in ("Z", "X") else words[19]

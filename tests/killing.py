"""Deaths at chosen moments: a forked child that kills itself (SIGKILL) before the n-th line it runs of given files.

So a test can let a process die at each point of its code in turn, without timing. For small programs of one thread.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

DIED = -signal.SIGKILL


def die_before(lines: int, files: Sequence[str]) -> None:
    """Kill this process when it is about to run the n-th line of files whose paths end so (from now on)."""
    left = lines

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, _: str, __: Any) -> Any:
        return on_line if frame.f_code.co_filename.endswith(tuple(files)) else None

    sys.settrace(on_call)


def forked(run: Callable[[], None]) -> int:
    """Run in a forked child; its exit status, or minus the number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run()
            status = 0
        finally:
            sys.settrace(None)
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

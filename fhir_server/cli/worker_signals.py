"""Signals of a worker process: the one that ends it is repeated until it does, since a single one can be lost.

https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd  A worker that is just starting still has the handler
of its parent, or its main thread is on the way into a wait that nothing but a signal interrupts.
"""

import os
import signal
import threading
import time

REPEAT_SECONDS = 0.1


def repeat_signals(*, is_ending: bool) -> None:
    """To be called by the main thread of a worker; `is_ending`: the parent's handler has had it already."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    main = threading.main_thread().ident
    assert main is not None
    threading.Thread(target=_repeat, args=(reader, main), name="signals", daemon=True).start()
    if is_ending:
        os.write(writer, bytes([signal.SIGTERM]))


def _repeat(reader: int, main: int) -> None:
    while (number := os.read(reader, 1)[0]) not in {signal.SIGTERM, signal.SIGINT}:
        continue
    while True:
        time.sleep(REPEAT_SECONDS)
        signal.pthread_kill(main, number)

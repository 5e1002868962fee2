"""The background worker as a child process of `serve`: started, started anew when it dies, ended with it."""

import os
import subprocess
import sys
import threading

RESTART_SECONDS = 2.0


class Background:
    """Keeps one `fhir-server worker` running, which has its settings from the environment."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep, name="background-worker-watch", daemon=True)

    def start(self) -> None:
        """Start the worker, and watch it."""
        self._child = self._started()
        self._watch.start()

    def stop(self, timeout_seconds: float) -> None:
        """End the worker: it finishes the task that it is at, within the time."""
        self._stopping.set()
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _keep(self) -> None:
        from fhir_server.telemetry import logger

        while self._child is not None:
            status = self._child.wait()
            if self._stopping.is_set():
                return
            logger().error("background_worker_ended", status=status)
            if self._stopping.wait(RESTART_SECONDS):
                return
            self._child = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "fhir_server", "worker", "--parent-pid", str(os.getpid())]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - ourselves

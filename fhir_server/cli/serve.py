"""`fhir-server serve`: the WSGI application under granian, and one background worker beside it.

The application is built once, before the worker processes are forked from this one: they start at once and share its
memory. So nothing built there may hold a connection, an open journal or a thread.
"""

import ctypes
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from fhir_server.cli import options
from fhir_server.cli.worker_signals import repeat_signals
from fhir_server.settings import Settings, as_environment

Application = Callable[..., Any]


@click.command()
@click.option("--bind", metavar="HOST:PORT", help="Address and port to listen on.")
@options.database
@click.option("--access", type=click.Choice(["token", "open"]), help="open: anyone, on loopback only; for demos.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Worker processes.")
@click.option("--base-url", metavar="URL", help="Public root of the server, without /fhir.")
@click.option("--no-worker", is_flag=True, help="Start no background worker; run `fhir-server worker` elsewhere.")
def serve(
    bind: str | None,
    database_url: str | None,
    access: str | None,
    workers: int | None,
    base_url: str | None,
    no_worker: bool,
) -> None:
    """Serve FHIR until SIGTERM or Ctrl-C, then finish what was begun.

    An empty SQLite database is made ready. Any other that does not fit this code stops the server with the command
    to run.
    """
    settings = options.loaded(
        bind=bind,
        database=database_url,
        access=access,
        workers=workers,
        base_url=base_url,
        worker_process=False if no_worker else None,
    )
    refuse_taken_address(settings.bind)
    prepare_database(settings)
    run(settings)


def refuse_taken_address(bind: str) -> None:
    """Stop when nobody can listen there; the workers would share a port with another server of the same kind."""
    host, port = _address(bind)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(f"cannot listen on {bind}: {error.strerror}") from error


def prepare_database(settings: Settings) -> None:
    """Make an empty embedded database ready; stop for any other that is not at the version of this code."""
    from fhir_server.store import schema

    if settings.database.startswith("sqlite:///") and schema.state(settings.database) == "empty":
        schema.upgrade(settings.database)
    options.refuse_unless_current(settings.database)


def run(settings: Settings) -> None:
    """Serve until a signal comes."""
    from fhir_server.cli.background import Background
    from fhir_server.telemetry import configure_logging

    configure_logging(settings.log_level)
    metrics_folder = tempfile.mkdtemp(prefix="fhir-server-metrics-")
    # Worker processes, the background worker and prometheus-client take these from the environment.
    os.environ.update(as_environment(settings), PROMETHEUS_MULTIPROC_DIR=metrics_folder)
    background = Background() if settings.worker_process else None
    try:
        application = _built(settings)
        _announce(settings)
        _serve(settings, application, background)
    finally:
        if background is not None:
            background.stop(settings.drain_seconds)
        shutil.rmtree(metrics_folder, ignore_errors=True)


def _built(settings: Settings) -> Application:
    from fhir_server.app import create_application
    from fhir_server.definitions.package import DefinitionsError

    try:
        application = create_application(settings)
    except DefinitionsError as error:
        raise click.ClickException(f"the definitions do not fit together: {error}") from error
    # No process may use a connection that another one opened.
    application.extensions["fhir_server"].database.close()
    # What lives as long as the process is not looked through by each worker's collector, and stays shared.
    gc.collect()
    gc.freeze()
    return application


def _announce(settings: Settings) -> None:
    from fhir_server.telemetry import logger

    logger().info("serving", base=settings.fhir_base, access=settings.access, workers=settings.workers)
    if settings.access == "open":
        logger().warning("open_access", message="anyone on this machine can read and change everything")


def _serve(settings: Settings, application: Application, background: Any) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    host, port = _address(settings.bind)
    server = Server(
        target="fhir_server.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.blocking_threads,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig={"version": 1, "disable_existing_loggers": False, "handlers": {}, "loggers": {"_granian": {}}},
        respawn_failed_workers=True,
        workers_kill_timeout=settings.drain_seconds,
    )
    if background is not None:
        server.on_startup(background.start)
    server.serve(target_loader=partial(_in_worker, application, os.getpid(), server), wrap_loader=False)


def _address(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def _in_worker(application: Application, parent: int, server: Any) -> Application:
    """The application inside a worker process, which ends when the server is killed (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        # Not SIGTERM: a worker that is just starting may lose that, and then hold the port for ever.
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)
    # What was true of the server when this process was forked, or came to this copy of it since.
    repeat_signals(is_ending=server.interrupt_signal)
    return application

"""`fhir-server demo`: start a server, seed it, walk a referral, then leave it to the user until interrupted."""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click

from fhir_server.cli.demo import child, network, referral
from fhir_server.cli.demo.http import Caller
from fhir_server.cli.demo.page import Page
from fhir_server.cli.demo.stage import Differs, Stage


@click.command()
@click.option("--once", is_flag=True, help="Leave after the walk; the exit status tells whether all went well.")
@click.option("--bind", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--database", metavar="URL", help="A database to use; default: a new embedded one, thrown away at the end."
)
def demo(*, once: bool, bind: str, database: str | None) -> None:
    """Start a server with a small synthetic network and walk one referral through it."""
    page = Page()
    with ExitStack() as stack:
        stack.enter_context(_interruptible())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhir-server-demo-")))
        try:
            server, seconds = _started(bind, database or f"sqlite:///{folder}/demo.db", folder)
            stack.callback(server.stop)
            callers = _callers(server.root_url, database or f"sqlite:///{folder}/demo.db")
            _play(page, server.root_url, callers, seconds)
            if not once:
                _leave_open(page, server, callers)
        except (Differs, child.NotStarted, OSError) as error:
            click.echo(f"\nThe demo did not go as it should: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("\nStopping the server.")


def _started(bind: str, database: str, folder: Path) -> tuple[child.Server, float]:
    started = time.perf_counter()
    server = child.start(child.free_address(bind), database, folder / "server.log")
    return server, time.perf_counter() - started


def _callers(root_url: str, database: str) -> dict[str, Caller]:
    """A caller for each organization, with a token of its own; "" is somebody without."""
    callers = {"": Caller("Stranger", root_url, "")}
    for organization, name in network.ORGANIZATIONS.items():
        command = ("tokens", "create", "--organization", organization, "--scope", "write", "--database", database)
        callers[organization] = Caller(name, root_url, child.run_command(*command).split()[-1])
    return callers


def _play(page: Page, root_url: str, callers: Mapping[str, Caller], seconds: float) -> None:
    page.title("A FHIR R4 server for social-care referrals")
    page.lines([f"started in {seconds:.1f} s on {root_url}/fhir, with an operator token for each organization"])
    page.title("The network, seeded through the server's own API")
    page.columns()
    seeding = Stage(page)
    count = network.seed(seeding, callers)
    page.title("One Direct Referral Light: the clinic hosts the Task, the food bank works on it there")
    page.columns()
    stage = Stage(page)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    referral.walk(stage, callers["demo-clinic"], callers["demo-food-bank"], callers[""], now)
    page.done(
        f"{count} resources seeded in {seeding.milliseconds:.0f} ms; one referral closed in {stage.steps} steps, "
        f"{stage.milliseconds:.0f} ms, each as the guide says."
    )


def _leave_open(page: Page, server: child.Server, callers: Mapping[str, Caller]) -> None:
    base = f"{server.root_url}/fhir"
    page.title("Yours to try")
    page.lines([f"FHIR base   {base}", f"statement   {base}/metadata", f"log         {server.log}", ""])
    page.lines(["operator tokens, one for each organization (they may read and write):"])
    page.lines(
        f"{callers[organization].name:<10}  {callers[organization].token}" for organization in network.ORGANIZATIONS
    )
    authorized = 'curl -s -H "Authorization: Bearer $TOKEN"'
    page.lines([
        "",
        f"export TOKEN={callers['demo-food-bank'].token}",
        f"curl -s {base}/metadata",
        f"{authorized} '{base}/Task?owner=Organization/demo-food-bank&_include=Task:focus&_pretty=true'",
        f"{authorized} '{base}/HealthcareService?organization=demo-shelter&_pretty=true'",
        f"{authorized} -H 'Accept: application/fhir+xml' {base}/Patient/demo-ana",
        "",
        "Ctrl-C stops the server.",
    ])  # fmt: skip
    if server.child.wait() != 0:
        raise child.NotStarted(f"the server ended with status {server.child.returncode}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: the server first, by its id."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

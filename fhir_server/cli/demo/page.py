"""How the demo looks on a terminal: one aligned row a step, the request below it, colours where they are welcome.

https://no-color.org  Without a terminal nothing is coloured and nothing is cut off.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import click

_WHO, _SAYS, _ANSWER, _TASK, _TIME = 10, 37, 26, 15, 9
_INDENT = " " * (3 + _WHO)
_WIDE = 3 + _WHO + _SAYS + _ANSWER + _TASK + _TIME


@dataclass(frozen=True, slots=True)
class Row:
    """One step as it is drawn: who asks what, the answer, the Task's status, the time taken."""

    who: str
    says: str
    request: str
    status: int
    reason: str
    task: str
    milliseconds: float
    good: bool


class Page:
    """Prints the demo's rows: with ASCII signs where others cannot be shown, without reasons where there is no room."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._coloured = self._is_terminal and not os.environ.get("NO_COLOR")
        self._width = shutil.get_terminal_size().columns if self._is_terminal else 0
        encoding = (sys.stdout.encoding or "ascii").lower()
        self._good, self._bad, self._cut, self._rule = (
            ("✓", "✗", "…", "─") if "utf" in encoding else ("+", "x", "~", "-")
        )
        self._tells_reasons = not self._is_terminal or self._width >= _WIDE
        self._answer = _ANSWER if self._tells_reasons else 6
        self._number = 0

    def title(self, text: str) -> None:
        """A heading with air around it."""
        click.echo()
        click.echo(self._style(text, bold=True))

    def lines(self, lines: Iterable[str]) -> None:
        """Plain text, indented."""
        for line in lines:
            click.echo(f"  {line}" if line else "")

    def columns(self) -> None:
        """The names of the columns; steps count from 1 below them."""
        self._number = 0
        heads = f"   {'who':<{_WHO}}{'asks':<{_SAYS}}{'answer':<{self._answer}}{'Task':<{_TASK}}{'time':>{_TIME}}"
        click.echo(self._style(heads, dim=True))
        click.echo(self._style(self._rule * len(heads), dim=True))

    def step(self, row: Row) -> None:
        """One step: a row, and the request as it was sent."""
        self._number += 1
        sign = self._style(self._good, fg="green") if row.good else self._style(self._bad, fg="red", bold=True)
        answer = f"{row.status} {row.reason}" if self._tells_reasons else str(row.status)
        cells = (
            f"{self._number:>2} ",
            self._style(f"{row.who:<{_WHO}}", bold=True),
            f"{row.says:<{_SAYS}}{sign} ",
            self._style(f"{answer:<{self._answer - 2}}", fg=None if row.good else "red"),
            self._style(f"{row.task:<{_TASK}}", fg="cyan"),
            f"{row.milliseconds:>{_TIME - 3}.1f} ms",
        )
        click.echo("".join(cells))
        self.aside(row.request)

    def aside(self, text: str) -> None:
        """A quiet line under a step, cut at the terminal's edge."""
        room = self._width - len(_INDENT) - 1
        if self._width and len(text) > room > 20:
            text = text[: room - 1] + self._cut
        click.echo(_INDENT + self._style(text, dim=True))

    def difference(self, text: str) -> None:
        """What is not as the guide says."""
        click.echo(_INDENT + self._style(f"differs: {text}", fg="red", bold=True))

    def done(self, text: str) -> None:
        """The last line of a walk that went well."""
        click.echo(f"\n{self._style(self._good, fg='green')}  {text}")

    def _style(self, text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None, dim=dim or None) if self._coloured else text

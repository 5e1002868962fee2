"""How the demo looks on a terminal: one aligned row a step, the request below it, colours where they are welcome.

https://no-color.org  Without a terminal nothing is coloured and nothing is cut off.
"""

import os
import shutil
import sys
from collections.abc import Iterable

import click

_WHO, _SAYS, _ANSWER, _TASK = 10, 52, 27, 16
_INDENT = " " * (4 + _WHO + 2)


class Page:
    """Prints the demo's rows; `plain` terminals get ASCII signs."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._coloured = self._is_terminal and not os.environ.get("NO_COLOR")
        self._width = shutil.get_terminal_size().columns if self._is_terminal else 0
        encoding = (sys.stdout.encoding or "ascii").lower()
        self._good, self._bad, self._cut, self._rule = (
            ("✓", "✗", "…", "─") if "utf" in encoding else ("+", "x", "~", "-")
        )
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
        heads = f"{'':2}  {'who':<{_WHO}}  {'asks':<{_SAYS}}{'answer':<{_ANSWER}}{'Task':<{_TASK}}{'time':>9}"
        click.echo(self._style(heads, dim=True))
        click.echo(self._style(self._rule * len(heads), dim=True))

    def step(
        self, who: str, says: str, request: str, answer: str, task: str, milliseconds: float, *, good: bool
    ) -> None:
        """One step: a row, and the request as it was sent."""
        self._number += 1
        sign = self._style(self._good, fg="green") if good else self._style(self._bad, fg="red", bold=True)
        shown = self._style(f"{answer:<{_ANSWER - 2}}", fg=None if good else "red")
        row = f"{self._number:>2}  {self._style(f'{who:<{_WHO}}', bold=True)}  {says:<{_SAYS}}"
        click.echo(f"{row}{sign} {shown}{self._style(f'{task:<{_TASK}}', fg='cyan')}{milliseconds:6.1f} ms")
        self.aside(request)

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

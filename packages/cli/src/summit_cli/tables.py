"""Tables for people, whole wherever they go."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def print_whole(table: "Table") -> None:
    """As wide as the screen; into a file or another program as wide as the table is, so that no word is broken."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = max(
            console.width, console.measure(table, options=console.options.update(max_width=1_000)).maximum
        )
    console.print(table)

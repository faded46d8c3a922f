"""What stands in the place of the list while there is none: how to begin on an empty replica, how to go on after an
empty answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.widgets import Static

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import action
from tui_registry.tui.kit.host import host_of

_WAYS: Final = (
    ("browse.new", "register a model or an agent"),
    ("browse.import", "import records from a file, a folder or an address"),
    ("browse.sync", "add a peer and pull what others registered"),
    ("app.help", "all keys, and how to search"),
)


class EmptyState(Static):
    """Says what to do: on an empty replica how to begin, on an empty answer how to go on."""

    def show_first_run(self) -> None:
        """There is no record at all."""
        content = Content.styled("Nothing is registered here yet.\n\n", "bold")
        for name, words in _WAYS:
            content = content.append(Content.styled(f"  {action(name).footer_key}  ", "bold $text-accent"))
            content = content.append(f"{words}\n")
        content = content.append(
            Content.styled(
                "\nTo look around first, run  tui-registry demo  in another terminal:\n"
                "it shows sample data and leaves this replica alone.\n",
                "$foreground-muted",
            )
        )
        # Said at the first run: once the key is lost it is too late.
        key = safe_text(str(host_of(self).datastore.key.file.absolute()))
        content = content.append(f"\nYour key, which signs what you register, is {key}\n")
        content = content.append(
            "Without it nobody can change your records, you included.\n"
            "Keep a copy elsewhere:  tui-registry identity export FILE"
        )
        self.update(content)

    def show_no_match(self, query: str, proposal: str | None, near: Sequence[str] = ()) -> None:
        """The query matches nothing."""
        asked = f"“{safe_text(query.strip(), 80)}”"
        content = Content.assemble(("Nothing matches ", "bold"), (asked, "bold"), ".\n\n")
        if proposal is not None:
            content = content.append("Did you mean  ")
            content = content.append(Content.styled(safe_text(proposal, 80), "bold $text-accent"))
            content = content.append(" ?  Enter in the search line takes it.\n")
        if near:
            content = content.append("The nearest names are\n")
            for name in near:
                content = content.append(Content.styled(f"  {safe_text(name, 80)}\n", "bold"))
        content = content.append(
            Content.styled("Esc clears the search, / changes it, ? explains it.", "$foreground-muted")
        )
        self.update(content)

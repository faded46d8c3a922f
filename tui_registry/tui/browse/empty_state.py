"""What stands in the place of the list while there is none: how to begin on an empty replica, with keys that do it, and
how to go on after an empty answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.widgets import Static

from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import action, bindings_for
from tui_registry.tui.kit.flows import Part, flow
from tui_registry.tui.kit.host import host_of
from tui_registry.tui.kit.messages import PullFrom

_WAYS: Final = (
    ("browse.new", "register a model or an agent"),
    ("browse.import", "import records from a file, a folder or an address"),
    ("empty.add", "take what others registered: node, stick, bundle"),
    ("empty.look_around", "look around in sample data first"),
    ("app.help", "all keys, and how to search"),
)
_LONGEST_PATH: Final = 300


class EmptyState(Static):
    """Says what to do: on an empty replica how to begin, on an empty answer how to go on. Its keys are those of an
    empty replica."""

    BINDINGS = bindings_for("empty")

    def show_first_run(self) -> None:
        """There is no record at all."""
        self.can_focus = True
        content = Content.styled("Nothing is registered here yet.\n\n", "bold")
        for name, words in _WAYS:
            content = content.append(Content.styled(f"  {action(name).footer_key}  ", "bold $text-accent"))
            content = content.append(f"{words}\n")
        # Said at the first run: once the key is lost it is too late.
        key = safe_text(str(host_of(self).datastore.key.file.absolute()), _LONGEST_PATH)
        content = content.append(f"\nYour key, which signs what you register, is {key}\n")
        content = content.append("Without it nobody can change your records, you included.\n")
        content = content.append(Content.styled(f"  {action('browse.copy_key').footer_key}  ", "bold $text-accent"))
        content = content.append("save a copy under a passphrase, to keep elsewhere")
        self.update(content)

    def show_no_match(self, query: str, proposal: str | None, near: Sequence[str] = ()) -> None:
        """The query matches nothing."""
        self.can_focus = False
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

    async def action_look_around(self) -> None:
        """To the sample data."""
        await self.app.run_action("app.look_around")

    async def action_take(self) -> None:
        """To the question where to take records from."""
        await self.screen.run_action("begin_to_take")


class Beginning(Part):
    """What the keys of an empty replica begin."""

    @flow(writes=True)
    async def action_begin_to_take(self) -> None:
        """Take records from a node, a folder or a bundle, after a look at what is there."""
        from tui_registry.tui.sync.finding import take_from  # where nobody takes any, nothing of it is needed

        peer = await take_from(self.screen)
        if peer is not None:
            self.screen.host.look()
            await self.screen.app.run_action("mode('sync')")
            self.screen.app.get_screen_stack("sync")[0].post_message(PullFrom(peer.name))

    @flow
    async def action_save_key(self) -> None:
        """Save a copy of the key."""
        from tui_registry.tui.settings.key_copy import copy_key

        await copy_key(self.screen)

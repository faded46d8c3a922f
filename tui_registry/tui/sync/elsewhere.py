"""What this replica's key signed and this replica did not write: shown, and the question what it is."""

from __future__ import annotations

from typing import Final

from tui_registry.datastore import Datastore, Operation, Restored, TouchedRecord
from tui_registry.frozen import NamedTuple
from tui_registry.present import elsewhere
from tui_registry.present.restored import what_was_restored
from tui_registry.text import exact
from tui_registry.tui import kit
from tui_registry.tui.kit.flows import FlowScreen, Part
from tui_registry.tui.kit.messages import Narrow

# The first of each are shown in the question, which has to fit into 80 by 24; the history has them all.
_OPERATIONS: Final = 2
_RECORDS: Final = 2


class _Found(NamedTuple):
    """What the question says.

    Attributes:
        number: of the operations; upto: the place in the log behind the last of them.
        operations, touched: the first of each.
        conflicts: how many records of this replica are in conflict.
        restored: this replica was put back to an older copy.
    """

    number: int
    upto: int
    operations: list[Operation]
    touched: list[TouchedRecord]
    conflicts: int
    restored: Restored | None


class SignedElsewhere(Part):
    """What a screen asks about them."""

    def __init__(self, screen: FlowScreen[None]) -> None:
        super().__init__(screen)

    async def ask_what_it_is(self) -> None:
        """Show them, and do what their owner says. A step of a flow."""
        found = await self.read(_read, self.datastore)
        if not found.number and found.restored is None:
            self.say("this replica wrote all that its key has signed, or you said that the rest is yours")
            return
        match await self.ask(kit.ChooseScreen(*_question(found, self.screen.host.now()))):
            case "pull":
                await self.screen.run_action("pull_all")
            case "look":
                await self.screen.app.run_action("mode('history')")
                self.screen.app.get_screen_stack("history")[0].post_message(Narrow("is:elsewhere"))
            case "settle":
                await self.screen.app.run_action("app.conflicts")
            case elsewhere.OWN_DEVICE.key:
                count = await self.write(self.datastore.elsewhere.acknowledge, found.upto)
                if found.restored is not None:
                    await self.write(self.datastore.mark.forget)
                told = f"{exact(count)} operation{'' if count == 1 else 's'}" if count else "it"
                self.say(f"{told} will not be told again", "done")
                self.screen.host.look()
            case elsewhere.STOLEN.key:
                title = "Somebody else has your key"
                await self.ask(kit.page_of_package(title, "trust.md", f"### {title}"))


def _read(datastore: Datastore) -> _Found:
    places = datastore.elsewhere.places()
    return _Found(
        len(places),
        places[0] + 1 if places else 0,
        datastore.log.operations_at(places[:_OPERATIONS]),
        datastore.elsewhere.touched(_RECORDS + 1),
        datastore.stats().conflicts,
        datastore.mark.restored(),
    )


def _question(found: _Found, now: int) -> tuple[str, list[kit.Choice], str]:
    lines = [elsewhere.line(operation, now) for operation in found.operations]
    if found.number > len(lines):
        lines.append(f"and {exact(found.number - len(lines))} more")
    lines += [elsewhere.touched(record, named=False) for record in found.touched[:_RECORDS]]
    if len(found.touched) > _RECORDS:
        lines.append("and other records")
    choices = []
    if found.restored is not None:
        lines.insert(0, elsewhere.PUT_BACK if found.number else what_was_restored(found.restored))
        choices.append(kit.Choice("p", "pull", "pull from every peer", "brings back what is missing"))
    if found.number:
        choices.append(kit.Choice("l", "look", "look at them all", "in the history"))
    if found.conflicts:
        choices.append(kit.Choice("!", "settle", "settle what is in conflict"))
    yours, not_yours = elsewhere.OWN_DEVICE.key, elsewhere.STOLEN.key
    if not found.number:
        choices.append(kit.Choice(yours, yours, "go on as it is", "and do not tell it again"))
        return "This replica is an older copy of itself", choices, "\n".join(lines)
    choices += [
        kit.Choice(yours, yours, "they are mine", "another device, or a backup put back"),
        kit.Choice(not_yours, not_yours, "they are not mine", "somebody has the key"),
    ]
    return elsewhere.operations(found.number), choices, "\n".join(lines)

"""What is taken from a peer: everything or only what named keys signed; and what goes when the peer is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_registry.datastore import EVERYBODY, NO_RATION, Datastore, Peer, PurgeAmounts, Ration
from tui_registry.frozen import NamedTuple
from tui_registry.present import leaving_out
from tui_registry.text import plural
from tui_registry.tui import kit
from tui_registry.tui.kit.flows import FlowScreen, Part
from tui_registry.tui.sync.owners_left_out import ask_about, taken_in

_COMES_BACK: Final = f"{leaving_out.OTHERS_KEEP}: what other peers have of it comes back when they are pulled from."
_UNPROVEN: Final = "The peer says that this is its key, and nothing proves it."


class Taking(Part):
    """What a screen asks about a peer; its methods are steps of flows that write."""

    def __init__(self, screen: FlowScreen[None], changed: Callable[[str], object]) -> None:
        """
        Args:
            changed: is called with what to say after every write.
        """
        super().__init__(screen)
        self._changed = changed

    async def ask_what_is_taken(self, peer: Peer) -> None:
        """Say what is taken from a peer, and do what is chosen."""
        found = await self.read(_read, self.datastore, peer.name)
        of_all = await self.read(self.datastore.rations.ration, EVERYBODY)
        chosen = await self.ask(
            kit.ChooseScreen(f"What is taken from {peer.name}", _choices(peer, found), _said(found, of_all))
        )
        match chosen:
            case "named" | "every":
                await self._set(peer.name, found.ration._replace(named_only=chosen == "named"))
            case "take in":
                count = await self.write(self.datastore.rations.take_in, source=peer.name)
                self._changed(taken_in(count))
            case "key" if peer.node is not None:
                await ask_about(self.screen, peer.node, _UNPROVEN)
            case "purge":
                await self._purge(peer, found.only_it)

    async def forget(self, peer: Peer) -> None:
        """Forget a peer, after a question; and, where it is asked for, what only it brought."""
        found = await self.read(_read, self.datastore, peer.name)
        waiting = f" {plural(peer.pending, 'pending operation')} of it are dropped." if peer.pending else ""
        about = f"{peer.address}\nIts address and how far its log was read are forgotten.{waiting}"
        with_it = False
        if found.only_it.ops:
            choices = [
                kit.Choice("f", "keep", "forget the peer", "what came from it stays"),
                kit.Choice("p", "purge", "purge what only it brought, too"),
            ]
            with_figures = f"{about}\n{_only_by(found.only_it)}"
            chosen = await self.ask(kit.ChooseScreen(f"Forget the peer {peer.name}?", choices, with_figures))
            if chosen is None:
                return
            with_it = chosen == "purge"
        if with_it:
            asked = f"Forget the peer {peer.name}, and take {leaving_out.amounts(found.only_it)} out for good?"
            what = f"{_COMES_BACK} Who reads this log begins anew then."
        else:
            asked, what = (
                f"Forget the peer {peer.name}?",
                "The operations that came from it stay, and so do their records.",
            )
        question = kit.ConfirmScreen(asked, f"{about} {what}", yes="Forget", no="Keep", for_good=True)
        if not await self.ask(question):
            return
        # The purge first: it asks nobody for what only this one has.
        came = await self.write(self.datastore.purge, peer=peer.name) if with_it else None
        await self.write(self.datastore.peers.remove, peer.name)
        told = "what came from it stays" if came is None else leaving_out.purged(came, is_blocked=False)
        self._changed(f"forgot the peer {peer.name}; {told}")

    async def _set(self, name: str, ration: Ration) -> None:
        await self.write(self.datastore.rations.set_ration, name, ration)
        what = "only what named keys signed" if ration.named_only else "what every key signed"
        self._changed(f"from {name} {what} is taken from the next pull on")

    async def _purge(self, peer: Peer, only_it: PurgeAmounts) -> None:
        question = kit.ConfirmScreen(
            leaving_out.purge_question(only_it, f"what only {peer.name} brought"),
            f"{_COMES_BACK} {peer.name} stays a peer, and is not asked for it unless you take it in.",
            yes="Purge",
            no="Keep",
            for_good=True,
        )
        if await self.ask(question):
            self.say(f"purging what {peer.name} brought ...")
            self._changed(leaving_out.purged(await self.write(self.datastore.purge, peer=peer.name), is_blocked=False))


class _Found(NamedTuple):
    """What is taken from a peer, and what it brought.

    Attributes:
        waits: operations that it sent first, and that are left out and may come in.
        only_it: what nobody else brought.
    """

    ration: Ration
    waits: int
    only_it: PurgeAmounts


def _read(datastore: Datastore, name: str) -> _Found:
    return _Found(
        datastore.rations.ration(name),
        datastore.rations.waiting(source=name),
        datastore.plan_purge(peer=name),
    )


def _choices(peer: Peer, found: _Found) -> list[kit.Choice]:
    choices = [
        kit.Choice("n", "every", "take what every key signed", "and ask for what waits")
        if found.ration.named_only
        else kit.Choice("n", "named", "take only what named keys signed", "what is here stays"),
    ]
    if found.waits:
        note = f"{plural(found.waits, 'operation')}, at the next sync"
        choices.append(kit.Choice("t", "take in", "take in what waits", note))
    if peer.node is not None:
        whose = "its key" if peer.signed_by == peer.node else "the key it says is its own"
        choices.append(kit.Choice("k", "key", whose, "mute, block or purge it"))
    if found.only_it.ops:
        choices.append(kit.Choice("p", "purge", "purge what only it brought"))
    return choices


def _said(found: _Found, of_all: Ration) -> str:
    of_it = leaving_out.ration_words(found.ration)
    lines = [f"{of_it[0].upper()}{of_it[1:]}."]
    if of_all != NO_RATION:
        lines.append(f"From everybody: {leaving_out.ration_words(of_all)}.")
    if found.only_it.ops:
        lines.append(_only_by(found.only_it))
    return "\n".join(lines)


def _only_by(only_it: PurgeAmounts) -> str:
    return f"Only it brought {leaving_out.amounts(only_it)}."

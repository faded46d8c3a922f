"""What is taken from a peer: everything or only what named keys signed; and what goes when the peer is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_registry.datastore import EVERYBODY, Datastore, Peer, PurgeAmounts, Ration
from tui_registry.frozen import NamedTuple
from tui_registry.present import owners
from tui_registry.text import exact, plural
from tui_registry.tui import kit
from tui_registry.tui.kit.flows import FlowScreen, Part
from tui_registry.tui.sync.owners import ask_about

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
                self._changed(owners.taken_in(count))
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
            with_figures = f"{about}\n{owners.only_by(found.only_it)}"
            chosen = await self.ask(kit.ChooseScreen(f"Forget the peer {peer.name}?", choices, with_figures))
            if chosen is None:
                return
            with_it = chosen == "purge"
        what = (
            owners.what_a_purge_means(found.only_it, is_of_owner=False)
            if with_it
            else "The operations that came from it stay, and so do their records."
        )
        question = kit.ConfirmScreen(
            f"Forget the peer {peer.name}, and purge what only it brought?"
            if with_it
            else f"Forget the peer {peer.name}?",
            f"{about} {what}",
            yes="Forget",
            no="Keep",
            for_good=True,
        )
        if not await self.ask(question):
            return
        # The purge first: it asks nobody for what only this one has.
        came = await self.write(self.datastore.purge, peer=peer.name) if with_it else None
        await self.write(self.datastore.peers.remove, peer.name)
        told = "what came from it stays" if came is None else owners.purged(came)
        self._changed(f"forgot the peer {peer.name}; {told}")

    async def _set(self, name: str, ration: Ration) -> None:
        await self.write(self.datastore.rations.set_ration, name, ration)
        what = "only what named keys signed" if ration.named_only else "what every key signed"
        self._changed(f"from {name} {what} is taken from the next pull on")

    async def _purge(self, peer: Peer, only_it: PurgeAmounts) -> None:
        question = kit.ConfirmScreen(
            f"Purge what only {peer.name} brought?",
            f"{owners.what_a_purge_means(only_it, is_of_owner=False)}\n"
            f"{peer.name} stays a peer, and is not asked for it again unless you take it in.",
            yes="Purge",
            no="Keep",
            for_good=True,
        )
        if await self.ask(question):
            self.say(f"purging what {peer.name} brought ...")
            self._changed(owners.purged(await self.write(self.datastore.purge, peer=peer.name)))


class _Found(NamedTuple):
    """What is taken from a peer, and what it brought.

    Attributes:
        waits: operations that it sent last, and that are left out and may come in.
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
        choices.append(kit.Choice("k", "key", "the key that it says is its own", "mute, block or purge it"))
    if found.only_it.ops:
        choices.append(kit.Choice("p", "purge", "purge what only it brought"))
    return choices


def _said(found: _Found, of_all: Ration) -> str:
    taken = "Only what named keys signed" if found.ration.named_only or of_all.named_only else "What every key signed"
    every = " (from everybody)" if of_all.named_only else ""
    rations = [
        f"at most {exact(most)} operations {of}"
        for most, of in (
            (found.ration.source_ops, "that it brings"),
            (found.ration.owner_ops, "of one owner"),
            (of_all.owner_ops, "of one owner, whoever brings them"),
        )
        if most is not None
    ]
    brought = owners.only_by(found.only_it) if found.only_it.ops else ""
    return "\n".join(filter(None, (f"{taken}{every}{'; ' if rations else ''}{', '.join(rations)}.", brought)))

"""What a person does about an owner, wherever one is shown: mute, block, purge, the figures first, and take it back."""

from __future__ import annotations

from typing import Final, Literal

from tui_registry.datastore import Datastore, KeptOut, PurgeAmounts
from tui_registry.frozen import NamedTuple
from tui_registry.present import leaving_out
from tui_registry.text import address_short, age, plural, safe_text
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import action, key_of
from tui_registry.tui.kit.flows import FlowScreen
from tui_registry.tui.kit.host import RegistryHost

Deed = Literal["mute", "unmute", "block", "unblock"]
_SAID: Final[dict[Deed, str]] = {"mute": "muted", "unmute": "unmuted", "block": "blocked", "unblock": "unblocked"}
_REVERSE: Final[dict[Deed, Deed]] = {"mute": "unmute", "unmute": "mute", "block": "unblock", "unblock": "block"}


class LastDeed:
    """What was done last about an owner, so that it can be taken back when its records are in no list any more.

    Attributes:
        deed: None for nothing that can be taken back.
    """

    def __init__(self, _: RegistryHost) -> None:
        self.deed: tuple[Deed, str] | None = None


async def ask_about(screen: FlowScreen[None], address: str, note: str = "") -> bool:
    """Show how an owner stands, and do what is chosen. A step of a flow that writes; whether anything was done.

    Args:
        address: 40 hex digits. note: what to know of it besides.
    """
    if address == screen.datastore.address:
        screen.say("that is your own key: what it signs is neither hidden nor left out", "problem")
        return False
    found = await screen.read(_read, screen.datastore, address)
    last = screen.host.held(LastDeed)
    name = in_words(address, {} if screen.host.facts is None else screen.host.facts.owners)
    back = None if last.deed is None else in_words(last.deed[1], found.names)
    detail = f"0x{address}\n{_detail(found, note, screen.host.now())}"
    match await screen.ask(kit.ChooseScreen(name, _choices(found, last, back), detail)):
        case "mute" | "unmute" | "block" | "unblock" as deed:
            await _do(screen, deed, address, name)
        case "back" if last.deed is not None and back is not None:
            await _do(screen, _REVERSE[last.deed[0]], last.deed[1], back)
        case "take in":
            screen.say(taken_in(await screen.write(screen.datastore.rations.take_in, owner=address)), "done")
        case "name":
            return await name_key(screen, address, found.names.get(address, ""))
        case "purge":
            return await _purge(screen, found, address, name)
        case _:
            return False
    screen.host.look()
    return True


async def name_key(screen: FlowScreen[None], address: str, before: str) -> bool:
    """Ask for a name of a key's, and give it; whether it has another one then. A step of a flow that writes."""
    question = kit.AskScreen(
        f"A name of yours for the key {address_short(address)}",
        before,
        placeholder="my-lab",
        detail=f"{address}\nThe name stays on this machine. Compare the address with its owner first.",
    )
    name = await screen.ask(question)
    if name is None or name == before:
        return False
    await screen.write(screen.datastore.names.set, address, name)
    screen.say(f"the key {address_short(address)} is called {safe_text(name, 40)} here", "done")
    screen.host.look()
    return True


def in_words(address: str, names: dict[str, str]) -> str:
    """`my-lab (0x91b2..07aa)`, safe to show."""
    short = address_short(address)
    return f"{safe_text(names[address], 40)} ({short})" if names.get(address) else short


def taken_in(count: int) -> str:
    """What asking for what waits came to."""
    if not count:
        return "nothing waits that may come in"
    return f"{leaving_out.comes_in(count)}, whatever the limits"


def left_out_words(count: int) -> str:
    """`12 operations are`."""
    return f"{plural(count, 'operation')} {'is' if count == 1 else 'are'}"


# How


class _Found(NamedTuple):
    """How an owner stands.

    Attributes:
        here: what it has here.
        waits: so many of its operations may come in when they are asked for.
    """

    here: PurgeAmounts
    kept: KeptOut | None
    left_out: int
    waits: int
    names: dict[str, str]


def _read(datastore: Datastore, address: str) -> _Found:
    # Of one owner there are as many groups as reasons.
    groups = datastore.rations.groups(owner=address)
    return _Found(
        datastore.plan_purge(owner=address),
        datastore.rations.of(address),
        sum(group.ops for group in groups),
        sum(group.ops - group.wanted for group in groups if group.reason != "blocked"),
        datastore.names.all(),
    )


def _detail(found: _Found, note: str, now: int) -> str:
    lines = [note] if note else []
    lines.append(f"It has {leaving_out.amounts(found.here)} here." if found.here.ops else "It has nothing here.")
    kept = found.kept
    if kept is not None:
        since = ((word, at) for word, at in (("muted", kept.muted_at), ("blocked", kept.blocked_at)) if at is not None)
        lines.append(", ".join(f"{word} {_ago(now - at)}" for word, at in since))
    if found.left_out:
        lines.append(f"{left_out_words(found.left_out)} left out.")
    return "\n".join(lines)


def _ago(seconds: int) -> str:
    since = age(seconds)
    return "just now" if since == "now" else f"{since} ago"


def _choices(found: _Found, last: LastDeed, back: str | None) -> list[kit.Choice]:
    kept = found.kept
    is_muted = kept is not None and kept.muted_at is not None
    is_blocked = kept is not None and kept.blocked_at is not None
    choices = [
        kit.Choice("m", "unmute", "unmute", leaving_out.UNMUTED)
        if is_muted
        else kit.Choice("m", "mute", "mute", "hide its records in lists and searches"),
        kit.Choice(
            "b", "unblock", "unblock", f"and ask for {plural(found.left_out, 'operation')}" if found.left_out else ""
        )
        if is_blocked
        else kit.Choice("b", "block", "block", "take nothing new of it; what is here stays"),
    ]
    if found.here.ops:
        choices.append(kit.Choice("p", "purge", "purge", "take all of it out for good, and block it"))
    if found.waits and not is_blocked:
        choices.append(kit.Choice("t", "take in", "take in what waits", "at the next sync, over any limit"))
    choices.append(kit.Choice("n", "name", "name", "a named key is held to no owner's limit"))
    if last.deed is not None:
        choices.append(kit.Choice("u", "back", f"take back: {last.deed[0]} {back}"))
    return choices


async def _do(screen: FlowScreen[None], deed: Deed, address: str, name: str) -> None:
    rations = screen.datastore.rations
    how = {"mute": rations.mute, "unmute": rations.unmute, "block": rations.block, "unblock": rations.unblock}[deed]
    came = await screen.write(how, address)
    screen.host.held(LastDeed).deed = deed, address
    come = "comes" if came == 1 else "come"
    more = f", {plural(came, 'operation')} {come} at the next sync" if deed == "unblock" and came else ""
    key = action("record.owner").footer_key
    # The narrowest line has room for how to take it back.
    screen.say(f"{_SAID[deed]} {name}{more}: {key}, then {key_of('record.undo')} takes it back", "done")


async def _purge(screen: FlowScreen[None], found: _Found, address: str, name: str) -> bool:
    question = kit.ConfirmScreen(
        leaving_out.purge_question(found.here, name),
        f"{leaving_out.OTHERS_KEEP}. It comes back only where you unblock the owner and pull it from somebody who has "
        "it.",
        yes="Purge",
        no="Keep",
        for_good=True,
    )
    if not await screen.ask(question):
        return False
    screen.say(f"purging {name} ...")
    amounts = await screen.write(screen.datastore.purge, owner=address)
    screen.host.held(LastDeed).deed = None
    screen.say(f"{name}: {leaving_out.purged(amounts, is_blocked=True)}", "done")
    screen.host.look()
    return True

"""What a person keeps to themselves about records, wherever one is shown: stars, notes, what they watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_registry.datastore import MOST_NOTE, Datastore, Watched
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.news import watched_name
from tui_registry.text import address_short, exact, plural, safe_text
from tui_registry.tui import browse, conflicts, kit
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen, Part, flow

_KEYS: Final = "123456789"


class KeptMarks(Part):
    """Stars and notes of records, and what is watched; stars are put to the marked ones where records are marked."""

    def __init__(self, screen: FlowScreen[None], subject: browse.Subject, query: Callable[[], str] = str) -> None:
        """
        Args:
            query: the search that is asked there.
        """
        super().__init__(screen)
        self._subject = subject
        self._query = query

    @flow(writes=True)
    async def action_star(self) -> None:
        """Put a star to the record, or take it away; of several to all, unless all have one."""
        refs = self._subject.refs()
        if not refs:
            return
        ids, is_one = [ref.id for ref in refs], not self._subject.marked
        starred = not await self.read(_are_starred, self.datastore, ids)
        count = await self.write(self.datastore.stars.star, ids, starred)
        whose = f"“{safe_text(refs[0].name, 60)}” is" if is_one else f"{plural(count, 'record')}:"
        words = "starred, for you alone: is:starred finds it" if starred else "not starred any more"
        self._done(f"{whose} {words}")

    @flow(writes=True)
    async def action_note(self) -> None:
        """Write a note to the record, change it, or take it away by leaving nothing of it."""
        ref = self._subject.ref()
        if ref is None:
            return
        own = await self.read(self.datastore.stars.of, ref.id)
        before = typed = safe_text(own.note or "", newlines=True)
        question = f"Your note to “{safe_text(ref.name, 60)}”"
        detail = (
            f"It stays on this machine and is sent to nobody. note: finds its words; at most {MOST_NOTE:,} characters"
        )
        wrong = ""
        while True:
            screen = conflicts.TextScreen(question, before, detail=wrong or detail, typed=typed)
            answer = await self.ask(screen, later=bool(wrong))
            if answer is None or answer.strip() == before.strip():
                return
            try:
                await self.write(self.datastore.stars.note, ref.id, answer)
            except RegistryError as error:
                if error.code != "bad_note":
                    raise
                typed, wrong = answer, f"Not kept: {error.sentence}"
            else:
                break
        self._done("the note is kept: note: finds its words" if answer.strip() else "the note is gone")

    @flow(writes=True)
    async def action_watch(self) -> None:
        """Watch the owner of the record or the search in the line, or watch something no more."""
        ref = self._subject.ref()
        found = await self.read(_read_watched, self.datastore, ref, self._query())
        if not found.choices:
            kept = f"a saved search ({key_of('browse.save_search')})"
            self.say(f"nothing to watch: neither another owner's record nor {kept}", "problem")
            return
        detail = "What is new of it is told in the title by itself. On this machine alone."
        answer = await self.ask(kit.ChooseScreen("What is watched for news?", found.choices, detail))
        if answer is None:
            return
        if is_watched := answer in found.watched:
            await self.write(self.datastore.news.unwatch, answer)
        else:
            await self.write(self.datastore.news.watch, answer)
        self._done(f"{watched_name(answer, found.owners)} is {'not watched any more' if is_watched else 'watched'}")

    def _done(self, sentence: str) -> None:
        self.say(sentence, "done")
        self._subject.changed(browse.Change())
        self.screen.host.look()


class _Found(NamedTuple):
    """What can be watched or is: the choices, what is watched by now, the local names of owners."""

    choices: list[kit.Choice]
    watched: list[str]
    owners: dict[str, str]


def _are_starred(datastore: Datastore, ids: list[str]) -> bool:
    return all(datastore.stars.of(one).starred_at is not None for one in ids)


def _read_watched(datastore: Datastore, ref: browse.Ref | None, query: str) -> _Found:
    owners, saved = datastore.names.all(), datastore.searches.saved()
    watched = datastore.news.watched()
    known = [one.what for one in watched]
    choices: list[kit.Choice] = []
    entry = None if ref is None else datastore.entry(ref.id, ref.kind)
    if entry is not None and not entry.mine:
        address = str(entry.record["owner_id"])
        if (what := f"0x{address}") not in known:
            name = watched_name(what, owners)
            choices.append(kit.Choice("o", what, f"watch the owner {name}", _beside(address, name)))
    asked = query.strip()
    here = [name for name, kept in saved.items() if asked in (kept.strip(), f"@{name}") and f"@{name}" not in known]
    choices += [kit.Choice("s", f"@{name}", f"watch the search @{name}", saved[name]) for name in here[:1]]
    choices += [
        kit.Choice(key, one.what, f"watch {watched_name(one.what, owners)} no more", _new(one))
        for key, one in zip(_KEYS.ljust(len(watched)), watched, strict=False)
    ]
    return _Found(choices, known, owners)


def _beside(address: str, name: str) -> str:
    short = address_short(address)
    return "" if name == short else short


def _new(one: Watched) -> str:
    if one.fault:
        return one.fault
    return f"{'' if one.exact else 'over '}{exact(one.new)} new" if one.new else "nothing new"

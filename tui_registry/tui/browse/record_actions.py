"""What can be done with records wherever one is shown: edit, delete, copy, duplicate, undo, name the owner; and how new
ones come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tui_registry.datastore import (
    Datastore,
    Entry,
    Linked,
    RecordChange,
    Reverse,
    Row,
    StoreError,
    Together,
    Undo,
    WriteBatch,
    carry_out,
    carry_out_reverse,
    plan_undo,
)
from tui_registry.errors import KINDS, Kind, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present import undone
from tui_registry.present.compare import LEAST, MOST
from tui_registry.present.links import affected_by, affected_line
from tui_registry.present.manifest_rows import status
from tui_registry.present.record_rows import time_rows
from tui_registry.records.authoring import version_fault
from tui_registry.records.schema import defaults
from tui_registry.settings import is_sample
from tui_registry.text import address_short, exact, plural, safe_text
from tui_registry.tui import browse, compare, conflicts, imports, kit, register
from tui_registry.tui.browse.record_detail import RecordDetail, name_of
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.copying import copy_records
from tui_registry.tui.kit.flows import FlowScreen, Part, flow, unwanted
from tui_registry.tui.kit.manifest_versions import choose_manifest
from tui_registry.tui.sync.owners_left_out import ask_about, name_key

_MOST_NAMED: Final = 8


class Ref(NamedTuple):
    """A record as a list knows it."""

    kind: Kind
    id: str
    name: str


class Change(NamedTuple):
    """What was written: `gone` is the id of a record that is no more, `select` of one to put the cursor on."""

    gone: str | None = None
    select: str | None = None


class Subject(NamedTuple):
    """What the keys of a screen are about, and who hears of what they write.

    Attributes:
        ref: the record that is shown or under the cursor.
        changed: is called after every write.
        records: the list in which records can be marked.
    """

    ref: Callable[[], Ref | None]
    changed: Callable[[Change], object]
    records: RecordList | None = None

    @property
    def marked(self) -> list[Row]:
        """The marked records."""
        return [] if self.records is None else list(self.records.marked.values())

    def refs(self) -> list[Ref]:
        """The marked records, else the one that `ref` gives."""
        ref, marked = self.ref(), self.marked
        return [Ref(row.kind, row.id, row.name) for row in marked] or ([] if ref is None else [ref])


class RecordActions(Part):
    """The actions on the record that a screen shows; copy and delete take the marked ones where records are marked."""

    def __init__(self, screen: FlowScreen[None], subject: Subject) -> None:
        super().__init__(screen)
        self._subject = subject

    def action_next_tab(self) -> None:
        self.screen.query_one(RecordDetail).turn(1)

    def action_previous_tab(self) -> None:
        self.screen.query_one(RecordDetail).turn(-1)

    # Its versions

    def action_older(self) -> None:
        self._walk(1)

    def action_newer(self) -> None:
        self._walk(-1)

    def _walk(self, step: int) -> None:
        detail = self.screen.query_one(RecordDetail)
        if not detail.region:
            self.say(
                f"{key_of('list.open')} opens the record: there {key_of('record.older')} and "
                f"{key_of('record.newer')} walk its versions"
            )
            return
        told = "" if detail.tab == "links" else "enter in the history opens the version as it was then"
        self.say(detail.walk(step) or told)

    @flow
    async def action_open_version(self) -> None:
        """The record as it was at the operation under the cursor of its history."""
        detail = self.screen.query_one(RecordDetail)
        if detail.linked is not None:
            await self._jump(detail.linked)
            return
        if detail.tab in ("overview", "sources") and detail.is_linked:
            # Where names stand enter leads to them
            detail.open_tab("links")
            return
        ref, place = self._subject.ref(), detail.version
        if ref is None or place is None:
            return
        self.say("")
        version = browse.VersionScreen(ref.kind, ref.id, place, of_manifest=detail.is_of_manifest)
        await self.ask(version)
        if version.left == "written":
            self._show(Change(select=ref.id))

    async def _jump(self, linked: Linked) -> None:
        """To the record at the end of a link; leaving it comes back."""
        if linked.presence != "live" or linked.kind is None:
            said = "was deleted here" if linked.presence == "deleted" else "is not here: a pull may bring it"
            self.say(f"{safe_text(linked.name, 40) or linked.id[:12] or 'this'} {said}", "problem")
            return
        self.say("")
        await self.ask(browse.DetailScreen(Ref(linked.kind, linked.id, linked.name), tab="links"))

    @flow(writes=True)
    async def action_edit(self) -> None:
        entry = await self._entry_to_be("edited")
        if entry is not None:
            await self._fill_form(register.RegisterScreen(entry.kind, record_id=entry.id))

    @flow(writes=True)
    async def action_duplicate(self) -> None:
        ref = self._subject.ref()
        if ref is not None:
            await self._fill_form(register.RegisterScreen(ref.kind, duplicate_of=ref.id))

    @flow(writes=True)
    async def action_new_version(self) -> None:
        entry = await self._entry_to_be("given a new version")
        if entry is None:
            return
        now = str(entry.record["version"])
        steps = next_versions(now)
        version = None
        if steps:
            choices = [kit.Choice(step.key, step.version, step.version, f"{step.name}: {step.says}") for step in steps]
            question = f"The version after {safe_text(now, 40)} of {name_of(entry)}"
            version = await self.ask(kit.ChooseScreen(question, choices))
            if version is None:
                return
        else:
            self.say(f"{safe_text(now, 40)} is not SemVer: write the next version yourself", "problem")
        await self._fill_form(register.RegisterScreen(entry.kind, record_id=entry.id, version=version))

    @flow(writes=True)
    async def action_status(self) -> None:
        """Deprecate or withdraw the record, or say that it is to be used again."""
        entry = await self._entry_to_be("deprecated")
        if entry is None:
            return
        behind = await self.read(self.datastore.manifests.get, entry.id)
        if behind is None:
            return
        affected = affected_line(await self.read(self.datastore.links.affected, entry.id))
        manifest = await self.ask(browse.StatusScreen(entry, behind, affected))
        if manifest is None:
            return
        if manifest == (behind.manifest or defaults("manifest")):
            self.say(f"{name_of(entry)} says so already: nothing was signed")
            return
        await kit.sign(self, self.datastore.manifests.set, entry.id, manifest, behind.heads)
        self.say(
            f"{name_of(entry)} is {status(manifest) or 'to be used'} from now on: "
            f"{key_of('record.undo')} takes it back",
            "done",
        )
        self._show(Change(select=entry.id))

    @flow
    async def action_copy(self) -> None:
        if self._subject.marked:
            entries = await self.read(_read_entries, self.datastore, self._subject.marked, unwanted())
            await self._copy(entries)
            return
        entry = await self._entry()
        if entry is not None:
            await self._copy([entry])

    async def _copy(self, entries: Sequence[Entry]) -> None:
        behind = await self.read(self.datastore.manifests.of, [entry.id for entry in entries])
        await copy_records(self.screen, entries, behind)

    @flow
    async def action_compare(self) -> None:
        """Put the marked records side by side; where fewer than two are marked, the one under the cursor with them."""
        refs = {row.id: Ref(row.kind, row.id, row.name) for row in self._subject.marked}
        ref = self._subject.ref()
        if ref is not None and len(refs) < LEAST:
            refs.setdefault(ref.id, ref)
        if len(refs) < LEAST:
            go_on = "one record is marked: go to another, or mark it" if self._subject.marked else "mark 2 to 4 records"
            self.say(f"{go_on} with {key_of('marks.mark')}, then {key_of('browse.compare')} compares them", "problem")
            return
        if len(refs) > MOST:
            too_many = f"{exact(len(refs))} are marked, at most {MOST} can be compared"
            self.say(f"{too_many}: space unmarks one, esc all", "problem")
            return
        entries = await self.read(_read_entries, self.datastore, list(refs.values()), unwanted())
        if len(entries) < LEAST:
            self.say("too few are left to compare: the others were deleted meanwhile", "problem")
        else:
            beside = await self.read(compare.read_beside, self.datastore, entries)
            await self.ask(compare.CompareScreen(entries, lambda entry: browse.DetailScreen(refs[entry.id]), *beside))

    @flow(writes=True)
    async def action_name_owner(self) -> None:
        entry = await self._entry()
        if entry is None:
            return
        owner = str(entry.record["owner_id"])
        before = entry.owner_name or ""
        if await name_key(self.screen, owner, before):
            self._show(Change())

    @flow(writes=True)
    async def action_owner(self) -> None:
        """Mute, block or purge the owner of the record, or take back what was done last about an owner."""
        entry = await self._entry()
        if entry is not None and await ask_about(self.screen, str(entry.record["owner_id"])):
            self._show(Change())

    # Conflicts

    @flow
    async def action_conflict(self) -> None:
        """Show the versions of the record side by side; where it is in no conflict, what else is in one."""
        self.say("")
        ref = self._subject.ref()
        entry = None if ref is None else await self.read(self.datastore.entry, ref.id, ref.kind)
        behind = None if entry is None else await self.read(self.datastore.manifests.get, entry.id)
        if entry is not None and len(entry.live_heads) > 1:
            await self._show_conflict(entry.id)
        elif entry is not None and behind is not None and len(behind.live_heads) > 1:
            if entry.mine:
                await self._choose_manifest(entry)
            else:
                self.say("several versions of its manifest are live: only its owner can settle it", "problem")
        else:
            await self.screen.app.run_action("conflicts")

    async def _choose_manifest(self, entry: Entry) -> bool:
        settled = await choose_manifest(self, entry.id)
        if settled:
            self._show(Change(select=entry.id))
        return settled

    async def _settle_first(self, entry: Entry, deed: str) -> bool:
        """Whether the record is in conflict: its versions are shown then, and nothing else happens to it."""
        if len(entry.live_heads) < 2:
            return False
        how = f"look at its versions, then {key_of('conflict.delete')} deletes them all"
        if deed != "deleted":
            how = f"settle it first, then it can be {deed}"
        self.say(f"in conflict: {how}", "problem")
        await self._show_conflict(entry.id)
        return True

    async def _show_conflict(self, record_id: str) -> None:
        deed = await conflicts.show_conflict(self.screen, record_id)
        if deed is not None:
            self._show(Change(gone=record_id) if deed == "deleted" else Change(select=record_id))

    # Deleting

    @flow(writes=True)
    async def action_delete(self) -> None:
        if self._subject.marked:
            await self._delete_marked()
            return
        entry = await self._entry_to_be("deleted")
        if entry is None:
            return
        _, updated = time_rows(entry.record, self.screen.host.now())
        affected = affected_line(await self.read(self.datastore.links.affected, entry.id))
        details = (
            entry.id,
            f"updated {updated.text}",
            *(() if affected is None else (f"{affected}.",)),
            "Replicas that pull from you will see it deleted; its history stays readable.",
        )
        question = kit.ConfirmScreen(
            f"Delete the {entry.kind} {name_of(entry)} {entry.record['version']}?",
            "\n".join(details),
            yes="Delete",
            no="Keep",
        )
        if await self.ask(question):
            await kit.sign(self, self.datastore.delete, entry.kind, entry.id, entry.heads)
            self.say(f"deleted {entry.kind} {name_of(entry)}: {key_of('record.undelete')} brings it back", "done")
            self._show(Change(gone=entry.id))

    async def _delete_marked(self) -> None:
        entries = await self.read(_read_entries, self.datastore, self._subject.marked, unwanted())
        mine = [entry for entry in entries if entry.mine]
        if not mine:
            self.say("none of the marked records is yours to delete", "problem")
            return
        named = await self.read(_affected, self.datastore, mine[:_MOST_NAMED])
        if not await self.ask(_question_before_deleting(mine, len(entries) - len(mine), named)):
            return
        deleted, failure = await kit.sign(self, _delete_all, self.datastore, mine)
        if self._subject.records is not None:
            self._subject.records.unmark(deleted)
        if failure:
            self.say(f"deleted {plural(len(deleted), 'record')}, not the others: {failure}", "problem")
        else:
            self.say(
                f"deleted {plural(len(deleted), 'record')}: "
                f"{key_of('record.undelete')} brings them back, or the last one",
                "done",
            )
        self._show(Change())

    # Undo

    def action_undo(self) -> None:
        """Undo the last operation on the record that is shown, after a question."""
        ref = self._subject.ref()
        if ref is None:
            self.action_undelete()
        else:
            self.undo(ref.id)

    @flow(writes=True)
    async def action_undelete(self) -> None:
        """Bring back what this replica's key deleted last, whenever that was, after a question."""
        record_id = await self.read(self.datastore.log.last_deleted)
        if record_id is None:
            self.say("there is no deleted record of yours to bring back", "problem")
        else:
            await self._undo(record_id)

    @flow(writes=True)
    async def undo(self, record_id: str, *, of_manifest: bool | None = None) -> None:
        """Undo the last operation on that record, or on its manifest, after a question."""
        await self._undo(record_id, of_manifest)

    async def _undo(self, record_id: str, of_manifest: bool | None = None) -> None:
        undo: Undo = await self.read(plan_undo, self.datastore, record_id, of_manifest)
        if undo.batch is not None:
            which = await self.ask(_question_how_much(undo, undo.batch))
            if which == "all":
                await self._undo_batch(undo.batch.number)
            if which != "one":
                return
        concerned = await self.read(self.datastore.links.affected, undo.id) if undone.concerns_others(undo) else None
        detail = undone.detail(undo, concerned and affected_line(concerned))
        question = kit.ConfirmScreen(undone.question(undo), detail, yes=undone.answer(undo), no="Back")
        if not await self.ask(question):
            return
        try:
            await kit.sign(self, carry_out, self.datastore, undo)
        except RegistryError as error:
            self.say(f"not undone: {error.sentence}", "problem")
        else:
            self.say(f"{undone.done(undo)}{_how_to_take_back(undo)}", "done")
            self._show(Change(gone=undo.id) if undo.then is None else Change(select=undo.id))

    async def _undo_batch(self, number: int) -> None:
        reverse: Reverse = await self.read(self.datastore.log.reverse, number)
        # What is deleted is under no cursor, so that `u` would be about another record.
        deletes = any(change.record is None for change in reverse.changes)
        take_back = (
            f"{key_of('record.undelete')} brings them back"
            if deletes
            else f"{key_of('record.undo')} on one of them takes this back"
        )
        affected = [f"{line}." for line in await self.read(affected_by, self.datastore, reverse)]
        detail = "\n".join([*affected, undone.batch_detail(reverse, take_back)])
        question = kit.ConfirmScreen(undone.batch_question(reverse), detail, yes="Undo all", no="Back")
        if await self.ask(question):
            failures = await kit.sign(self, carry_out_reverse, self.datastore, reverse)
            done = undone.batch_done(reverse, len(failures))
            back = f": {take_back}" if deletes else ""
            self.say(f"{done}: {failures[0].sentence}" if failures else done + back, "problem" if failures else "done")
            self._show(Change())

    # New records

    @flow(writes=True)
    async def action_new(self) -> None:
        question = kit.ChooseScreen(
            "Register a new",
            [
                kit.Choice("m", "model", "model", "weights that answer, embed, hear, see or draw"),
                kit.Choice("a", "agent", "agent", "a program that uses models and tools"),
            ],
        )
        chosen = await self.ask(question)
        for kind in KINDS:
            if chosen == kind:
                await self._fill_form(register.RegisterScreen(kind))

    @flow
    async def action_import(self) -> None:
        """Register what a file, a folder or an address holds."""
        record_id = await imports.import_records(self.screen)
        if record_id is not None:
            self._show(Change(select=record_id))

    # How

    async def _entry(self) -> Entry | None:
        """The record as it is now; None where there is none or it is gone, which is said."""
        ref = self._subject.ref()
        if ref is None:
            self.say("no record under the cursor", "problem")
            return None
        entry = await self.read(self.datastore.entry, ref.id, ref.kind)
        if entry is None:
            self.say("this record was deleted meanwhile", "problem")
        return entry

    async def _entry_to_be(self, deed: str) -> Entry | None:
        """The same, of a record to which that may be done; else a duplicate is offered, or its conflict shown."""
        entry = await self._entry()
        if entry is not None and not entry.mine:
            await self._offer_duplicate(entry, deed)
        elif entry is not None and not await self._settle_first(entry, deed):
            behind = await self.read(self.datastore.manifests.get, entry.id)
            # A record takes all versions of its manifest with it; whoever writes on must say which one holds
            if behind is None or len(behind.live_heads) < 2 or deed == "deleted":
                return entry
            return entry if await self._choose_manifest(entry) else None
        return None

    async def _offer_duplicate(self, entry: Entry, deed: str) -> None:
        owner = address_short(str(entry.record["owner_id"]))
        in_words = f"{entry.owner_name} ({owner})" if entry.owner_name else owner
        question = kit.ConfirmScreen(
            f"{name_of(entry)} belongs to {in_words}",
            f"A record can be {deed} only by the key that signed it. You can start a new record of yours from it.",
            yes="Duplicate as new",
            no="Back",
        )
        if await self.ask(question):
            await self._fill_form(register.RegisterScreen(entry.kind, duplicate_of=entry.id))

    async def _fill_form(self, form: register.RegisterScreen) -> None:
        is_first = not await self.read(_has_signed, self.datastore)
        saved = await self.ask(form)
        if saved is None:
            return
        if is_first and self.screen.host.outcome.tone == "done":
            key = key_of("browse.copy_key")
            self.say(f"registered. {key} saves a copy of the key that signed it: keep one elsewhere", "done")
        self._show(Change(select=saved.id))

    def _show(self, change: Change) -> None:
        self.screen.host.look()
        self._subject.changed(change)


def _has_signed(datastore: Datastore) -> bool:
    """Whether this replica's key has signed anything; it is not made for that. True of sample data, whose key goes."""
    return is_sample(datastore.data_dir) or (bool(datastore.key.known) and datastore.key.operations() > 0)


def _read_entries(datastore: Datastore, rows: Sequence[Row | Ref], unwanted: Callable[[], bool]) -> list[Entry]:
    """The records of these rows as they are now, without those that are gone; ends early when nobody wants them."""
    entries = []
    for row in rows:
        entry = None if unwanted() else datastore.entry(row.id, row.kind)
        if entry is not None:
            entries.append(entry)
    return entries


def _delete_all(datastore: Datastore, entries: Sequence[Entry]) -> tuple[list[str], str]:
    """The ids of those that are deleted, and why the first of the others is not. Raises StoreError where none is."""
    deleted, failure = list[str](), ""
    changes = [RecordChange(entry.kind, entry.id, None, entry.heads) for entry in entries]
    together = Together(f"deletion of {plural(len(entries), 'record')}")
    try:
        for change, outcome in zip(changes, datastore.change_all(changes, together=together), strict=True):
            if isinstance(outcome, RegistryError):
                failure = failure or outcome.sentence
            else:
                deleted.append(change.id)
    except StoreError as error:
        if not deleted:
            raise
        failure = error.sentence
    return deleted, failure


class VersionStep(NamedTuple):
    """`name` is patch, minor or major; `version` what it leads to, `says` when it is the right one; `key` picks it."""

    key: str
    name: str
    version: str
    says: str


def next_versions(version: str) -> list[VersionStep]:
    """The next patch, minor and major version (SemVer 2.0.0, https://semver.org); of a pre-release, the release that it
    leads to counts as a patch.

    None for what is not SemVer, or has no room for a larger number.
    """
    from semver import Version  # few give a record a new one

    if version_fault(version) is not None:
        return []
    parsed = Version.parse(version)
    steps = [VersionStep(key, name, str(parsed.next_version(name)), says) for key, name, says in _VERSION_STEPS]
    return [step for step in steps if len(step.version) <= _LONGEST_VERSION]


_LONGEST_VERSION: Final = 64
_VERSION_STEPS: Final = (
    ("p", "patch", "corrections, nothing else changes"),
    ("m", "minor", "more than before, what worked works"),
    ("M", "major", "what worked may not work any more"),
)


def _question_how_much(undo: Undo, batch: WriteBatch) -> kit.ChooseScreen:
    name, count = undone.batch_name(batch), plural(batch.ops, "record")
    others = "undone as one" if name.endswith(f" {count}") else f"{count}, undone as one"
    choices = (
        kit.Choice("1", "one", f"Only {undo.kind} {undo.name}"),
        kit.Choice("2", "all", f"The whole {name}", others),
    )
    return kit.ChooseScreen(f"{undo.kind} {undo.name} was written with others: undo how much?", choices)


def _how_to_take_back(undo: Undo) -> str:
    if undo.then is None:
        return f": {key_of('record.undelete')} brings it back"
    return "" if undo.now is None else f"; {key_of('record.undo')} again takes that back"


def _affected(datastore: Datastore, entries: Sequence[Entry]) -> list[str]:
    """Who names each of these records, in words; empty where nobody does."""
    return [affected_line(datastore.links.affected(entry.id)) or "" for entry in entries]


def _question_before_deleting(mine: Sequence[Entry], others: int, affected: Sequence[str]) -> kit.ConfirmScreen:
    """
    Args:
        affected: as `_affected`, of those that are named.
    """
    named = "\n".join(
        f"{entry.kind} {name_of(entry)}{f': {line}' if line else ''}"
        for entry, line in zip(mine[:_MOST_NAMED], affected, strict=True)
    )
    if len(mine) > _MOST_NAMED:
        named += f"\nand {exact(len(mine) - _MOST_NAMED)} more"
    if others:
        named += f"\n{exact(others)} marked of other owners: not deleted"
    return kit.ConfirmScreen(f"Delete {plural(len(mine), 'record')} of yours?", named, yes="Delete", no="Keep")

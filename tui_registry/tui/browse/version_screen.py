"""A record as it was at one of its operations, deleted ones too: a cursor walks its versions, any can be restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar, Literal

from textual.content import Content
from textual.widget import Widget

from tui_registry.datastore import Beside, Datastore, Entry, HistoryEntry, ManifestEntry, same_content
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present.amounts import ago
from tui_registry.present.deeds import standing
from tui_registry.present.imports import Candidate
from tui_registry.present.version_words import change_lines
from tui_registry.records.merging import differing
from tui_registry.records.wire import derive_manifest_id
from tui_registry.text import address_short, exact, moment_utc, plural, safe_text
from tui_registry.tui import conflicts, kit, register
from tui_registry.tui.browse.record_detail import RecordDetail, Surroundings, came_in_full, what_it_did
from tui_registry.tui.kit.actions import Where, bindings_for, key_of
from tui_registry.tui.kit.copying import copy_records
from tui_registry.tui.kit.flows import Part, flow
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.text_flow import Flow, paragraph, stack

_MOST_LINES = 2


class Then(NamedTuple):
    """A record at one of its operations.

    Attributes:
        entry: as it was; of a removal what it took away, None where that is unknown. Of an operation on its manifest it
            is the record as it is.
        behind: what stood behind it after an operation on its manifest.
        now: as it is; None where it is deleted, and then `gone_at` says since when (Unix seconds).
    """

    kind: Kind
    id: str
    version: HistoryEntry
    entry: Entry | None
    beside: Beside
    now: Entry | None
    gone_at: int | None
    behind: ManifestEntry | None = None
    behind_now: ManifestEntry | None = None

    @property
    def said(self) -> Record | None:
        """What the operation wrote, or took away."""
        return self.version.record or self.version.before

    @property
    def said_now(self) -> Record | None:
        """The same as it is now; None where it is deleted."""
        if self.behind is not None:
            return None if self.behind_now is None else self.behind_now.manifest
        return None if self.now is None else self.now.record

    @property
    def what(self) -> str:
        """What the operation is about."""
        return "manifest" if self.behind is not None else "record"

    @property
    def later(self) -> int:
        """How many operations came after it."""
        return self.beside.of - self.beside.number

    @property
    def name(self) -> str:
        """The record's name for a sentence."""
        entry = self.entry or self.now
        return f"“{safe_text(str(entry.record['name']), 40)}”" if entry is not None else "the record"


def read_then(datastore: Datastore, kind: Kind, record_id: str, place: int, *, of_manifest: bool = False) -> Then:
    """A record at the operation, on it or on its manifest, that stands at a place of the log.

    Raises:
        RegistryError: `not_found` when it is none of the record's; the database cannot be read.
    """
    history = datastore.manifests.history if of_manifest else datastore.history
    found = history(record_id, limit=1, before=place + 1)
    if not found or found[0].place != place:
        raise RegistryError("not_found", f"this operation of {kind} {record_id[:12]} is not in the log any more")
    version = found[0]
    now = datastore.entry(record_id, kind)
    last = datastore.log.last_operation(record_id) if now is None else None
    gone_at = None if last is None else last.updated_at
    if of_manifest:
        beside = datastore.log.beside(derive_manifest_id(record_id), place)
        behind_now = datastore.manifests.get(record_id)
        said = version.record or version.before
        behind = ManifestEntry(kind, record_id, now is not None, said, (version.hash,), (), ())
        return Then(kind, record_id, version, now, beside, now, gone_at, behind, behind_now)
    record = version.record or version.before
    entry = None
    if record is not None:
        entry = Entry(
            kind=kind,
            id=record_id,
            record=record,
            heads=datastore.heads(record_id),
            live_heads=(),
            problems=tuple(datastore.check(kind, record)),
            mine=version.mine,
            owner_name=datastore.names.all().get(version.actor),
            future=False,
            size=sum(map(len, datastore.log.lines(place, place + 1))),
        )
    beside = datastore.log.beside(record_id, place)
    return Then(kind, record_id, version, entry, beside, now, gone_at)


class VersionScreen(FrameScreen[None]):
    """The record as it was, until it is left with Esc, with the key back to now, or by restoring.

    Attributes:
        left: how it was left: for the record as it is now, or as something was signed; None before, and for Esc.
    """

    CSS_PATH: ClassVar[str] = "detail.tcss"
    AUTO_FOCUS: ClassVar[str] = "TextBody"
    HEADING: ClassVar[str] = "As it was"
    WHERE: ClassVar[tuple[Where, ...]] = ("version",)
    BINDINGS = bindings_for(*WHERE)
    FOOTER: ClassVar[tuple[str, ...]] = (
        "version.back", "version.older", "version.newer", "version.now", "version.restore", "version.next_tab",
        "app.help",
    )  # fmt: skip

    def __init__(self, kind: Kind, record_id: str, place: int, *, of_manifest: bool = False) -> None:
        """
        Args:
            place: of the operation in the log. of_manifest: it wrote the manifest of the record.
        """
        super().__init__()
        self._kind: Kind = kind
        self._record_id = record_id
        self._place = place
        self._of_manifest = of_manifest
        self._then: Then | None = None
        self.left: Literal["now", "written"] | None = None
        self._restoring = Restoring(self)

    def compose_body(self) -> Iterable[Widget]:
        yield Flow(id="as-of")
        yield RecordDetail(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()
        self.watch(self.host, "facts", self._read, init=False)
        self.watch(self.host, "minute", self._show, init=False)

    @flow(group="entry", exclusive=True, background=True)
    async def _read(self) -> None:
        await self._read_then()

    async def _read_then(self) -> None:
        place = self._place
        then = await self.read(
            read_then, self.datastore, self._kind, self._record_id, place, of_manifest=self._of_manifest
        )
        if place == self._place:  # else somebody went on to another version meanwhile
            self._then = then
            self._show()

    def _show(self) -> None:
        then = self._then
        if then is None:
            return
        detail = self.query_one(RecordDetail)
        if then.behind is not None and detail.entry is None:
            detail.open_tab("sources")
        detail.show(then.entry, then.behind, at=then.version.place)
        self.query_one("#as-of", Flow).flow(partial(as_of, then, detail.around))
        if then.behind is not None and then.now is None:
            self.hint("this record is deleted: what stood behind it comes back with it")
        elif then.entry is None:
            self.hint("what was deleted is not in this replica's history")
        elif then.now is None:
            who = (
                f"{key_of('version.restore')} brings it back"
                if then.version.mine
                else "only its owner can bring it back"
            )
            self.hint(f"this record is deleted: {who}")
        else:
            self.hint("")

    # Actions

    @flow
    async def action_older(self) -> None:
        await self._walk(older=True)

    @flow
    async def action_newer(self) -> None:
        await self._walk(older=False)

    async def _walk(self, *, older: bool) -> None:
        self.next_step()
        key = derive_manifest_id(self._record_id) if self._of_manifest else self._record_id
        beside = await self.read(self.datastore.log.beside, key, self._place)
        place = beside.older if older else beside.newer
        if place is None:
            self.say("this is where its history begins" if older else "nothing came after this")
        else:
            self._place = place
            await self._read_then()

    def action_now(self) -> None:
        """Back to the record as it is today."""
        self.next_step()
        if self._then is not None and self._then.now is None:
            self.say(
                "this record is deleted now"
                + (f": {key_of('version.restore')} brings it back" if self._then.version.mine else ""),
                "problem",
            )
        else:
            self.left = "now"
            self.dismiss(None)

    @flow(writes=True)
    async def action_restore(self) -> None:
        restored = self._restoring.restored
        if await restored(self._kind, self._record_id, self._place, of_manifest=self._of_manifest):
            self.left = "written"
            self.dismiss(None)

    @flow
    async def action_copy(self) -> None:
        """Copy the record as it was."""
        if self._then is not None and self._then.entry is not None:
            await copy_records(self, [self._then.entry])

    def action_next_tab(self) -> None:
        self.query_one(RecordDetail).turn(1)

    def action_previous_tab(self) -> None:
        self.query_one(RecordDetail).turn(-1)

    def action_back(self) -> None:
        self.next_step()
        self.dismiss(None)


def as_of(then: Then, around: Surroundings, width: int) -> Content:
    """The lines above the record: which version this is, what it changed, and what the record says now."""
    version, count = then.version, f"version {exact(then.beside.number)} of {exact(then.beside.of)}"
    if standing(version) == "current":
        first = f"As it is now: {what_it_did(version)} {moment_utc(version.updated_at)}, {count}"
    else:
        first = f"As of {moment_utc(version.updated_at)}: {what_it_did(version)}, {count}"
    lines = paragraph(first, width, "bold $text-warning")
    lines += _short([came_in_full(version, around)], "", width)
    lines += _short(change_lines(version.before, version.record), "then: ", width)
    if standing(version) != "current":
        lines += _short(*_since(then, around), width)
    return stack(lines)


def _since(then: Then, around: Surroundings) -> tuple[list[str], str]:
    """What the record says now that it did not say then, and the words that lead to it."""
    if then.behind is not None and then.said_now is None and then.now is not None:
        return ["the record has no manifest"], "now: "
    if then.now is None:
        return [f"deleted {ago(around.now - (then.gone_at or around.now))}"], "now: "
    changed = change_lines(then.said, then.said_now) or ["it says the same"]
    live = then.now.live_heads if then.behind_now is None else then.behind_now.live_heads
    if len(live) > 1:
        changed.insert(0, f"in conflict, {len(live)} versions are live")
    later = f", {plural(then.later, 'version')} later" if then.later else ""
    return changed, f"now{later}: "


def _short(texts: Sequence[str], head: str, width: int) -> list[Content]:
    """Texts one behind the other on at most two lines; none where there is no text."""
    lines = paragraph(head + " · ".join(texts), width, "$foreground-muted") if texts else []
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], (lines[_MOST_LINES - 1] + Content(" …")).truncate(width, ellipsis=True)]
    return lines


class Restoring(Part):
    """Signs an earlier version of a record anew, after a question that shows what would change."""

    @flow
    async def restore(self, kind: Kind, record_id: str, place: int) -> None:
        """See `restored`."""
        await self.restored(kind, record_id, place)

    async def restored(self, kind: Kind, record_id: str, place: int, *, of_manifest: bool = False) -> bool:
        """Restore the version that the operation at a place of the log wrote; of the removal of a record that is still
        deleted, what it took away. Whether something was written."""
        then = await self.read(read_then, self.datastore, kind, record_id, place, of_manifest=of_manifest)
        if then.behind is not None:
            return await self._restored_manifest(then)
        record = then.version.record or (then.version.before if then.now is None else None)
        when = moment_utc(then.version.updated_at)
        if record is None:
            self.say("this operation deleted the record: a version before it can be restored", "problem")
        elif not then.version.mine:
            return await self._duplicate(then, record)
        elif then.now is not None and len(then.now.live_heads) > 1:
            # Restoring is one way to settle it, in sight of the versions that are live.
            self.say("")
            wanted = {change.path: change.values[1] for change in differing(None, [then.now.record, record])}
            return await conflicts.show_conflict(self.screen, record_id, wanted) is not None
        elif then.now is not None and same_content(then.now.record, record):
            self.say(f"{then.name} says what it said on {when}: there is nothing to restore", "note")
        elif then.entry is not None and any(problem.severity == "error" for problem in then.entry.problems):
            return await self._fill_form(then, record, when)
        else:
            return await self._sign(then, record, when)
        return False

    async def _restored_manifest(self, then: Then) -> bool:
        """Sign the manifest of an operation anew."""
        behind, manifest, when = then.behind_now, then.version.record, moment_utc(then.version.updated_at)
        if manifest is None or behind is None:
            self.say("this operation took the manifest away: a version before it can be restored", "problem")
        elif then.now is None:
            self.say("this record is deleted: bring it back first, its manifest comes with it", "problem")
        elif not then.version.mine:
            self.say("a manifest can be restored only by the key that signed it", "problem")
        elif behind.manifest is not None and len(behind.live_heads) < 2 and same_content(behind.manifest, manifest):
            self.say(f"the manifest says what it said on {when}: there is nothing to restore")
        else:
            changes = "\n".join(change_lines(behind.manifest, manifest)[:4])
            question = kit.ConfirmScreen(
                f"Restore the manifest of {then.name} as it was on {when}?",
                f"{changes}\nIt is signed as a new operation; what it says now stays in its history.",
                yes="Restore",
                no="Back",
            )
            if not await self.ask(question):
                return False
            manifests = self.datastore.manifests
            write = manifests.resolve if len(behind.live_heads) > 1 else manifests.set
            await kit.sign(self, write, then.id, manifest, behind.heads)
            self.say(f"the manifest of {then.name} is restored as of {when}", "done")
            self.screen.host.look()
            return True
        return False

    async def _sign(self, then: Then, record: Record, when: str) -> bool:
        if then.now is None:
            question = kit.ConfirmScreen(
                f"Bring back {then.name} as it was on {when}?",
                f"version {record['version']}\nIt is signed as a new operation; its history stays as it is.",
                yes="Bring back",
                no="Back",
            )
        else:
            changes = "\n".join(change_lines(then.now.record, record, most=4))
            question = kit.ConfirmScreen(
                f"Restore {then.name} as it was on {when}?",
                f"{changes}\nIt is signed as a new operation; what it says now stays in its history.",
                yes="Restore",
                no="Back",
            )
        if not await self.ask(question):
            return False
        try:
            if then.now is None:
                await kit.sign(self, self.datastore.add, then.kind, record)
            else:
                await kit.sign(self, self.datastore.update, then.kind, then.id, record, then.now.heads)
        except RegistryError as error:
            self.say(f"not restored: {error.sentence}", "problem")
            return False
        self.say(f"{then.name} is {'back' if then.now is None else 'restored'} as of {when}", "done")
        self.screen.host.look()
        return True

    async def _fill_form(self, then: Then, record: Record, when: str) -> bool:
        """What breaks a rule of today is signed by hand."""
        assert then.entry is not None
        worst = next(problem for problem in then.entry.problems if problem.severity == "error")
        question = kit.ConfirmScreen(
            f"{then.name} as of {when} breaks a rule of today",
            f"{worst.path}: {worst.sentence}\nThe form opens with that version: put it right, and sign it there.",
            yes="Open the form",
            no="Back",
        )
        return await self.ask(question) is True and await self._form(then, record)

    async def _duplicate(self, then: Then, record: Record) -> bool:
        address = address_short(then.version.actor)
        name = None if then.entry is None else then.entry.owner_name
        question = kit.ConfirmScreen(
            f"{then.name} belongs to {f'{safe_text(name, 40)} ({address})' if name else address}",
            "A version of it can be restored only by the key that signed it. You can start a new record of yours from "
            "this version.",
            yes="Duplicate as new",
            no="Back",
        )
        return await self.ask(question) is True and await self._form(then, record)

    async def _form(self, then: Then, record: Record) -> bool:
        found = Candidate(f"the version of {moment_utc(then.version.updated_at)}", "ready", then.kind, record, then.id)
        return await self.ask(register.RegisterScreen(then.kind, imported=found)) is not None

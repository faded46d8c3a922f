"""Register or edit a record: a form that checks while you type, keeps a draft, and signs when nothing is wrong.

What is kept of a form that was not signed stands here too: when its draft is stored, and the offer to go on with one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_registry.datastore import Draft, Entry
from tui_registry.errors import GivenManifest, InvalidRecord, Json, Kind, Problem, Record, RegistryError
from tui_registry.formfile import format as formatted, generate
from tui_registry.present.imports import Candidate
from tui_registry.present.links import affected_line, relied_on
from tui_registry.records.merging import value_at
from tui_registry.records.schema import defaults
from tui_registry.text import age, safe_text
from tui_registry.tui.kit.actions import TYPE_AHEAD, Where, bindings_for, key_of
from tui_registry.tui.kit.dialogs import Choice, ChooseScreen, ConfirmScreen, Dialog
from tui_registry.tui.kit.flows import flow, write
from tui_registry.tui.kit.frame import FrameScreen
from tui_registry.tui.kit.manifest_versions import choose_manifest
from tui_registry.tui.kit.messages import Settle, ShowRecord
from tui_registry.tui.kit.signing import ask_before_signing
from tui_registry.tui.register.area_rows import DescriptionRow, FormfileArea, TemplateRow
from tui_registry.tui.register.desk import Desk, Opened, Wanted, new_key
from tui_registry.tui.register.entry_rows import EntryList
from tui_registry.tui.register.field_rows import FieldRow
from tui_registry.tui.register.form_body import Form, KindRow
from tui_registry.tui.register.form_changes import (
    MergeScreen,
    PreviewScreen,
    changed_by_them,
    differences,
    merged,
    preview,
)
from tui_registry.tui.register.form_fields import MANIFEST, field_at, spelt_text, split_items, to_texts
from tui_registry.tui.register.form_state import FormState, as_draft
from tui_registry.tui.register.item_rows import ItemsRow
from tui_registry.tui.register.known_words import licences_like
from tui_registry.tui.register.model_rows import PickModel, PickWanted, RecordRow

# Seconds from a keystroke to the draft on disk, so that fast typing is not a write for each letter.
DRAFT_DELAY = 0.5
_BACK = "your draft is back"
_WIDTHS = [(0, "-narrow"), (72, "-normal"), (120, "-wide")]
_HEIGHTS = [(0, "-flat"), (22, "-short"), (36, "-tall")]


@dataclass(frozen=True, slots=True)
class Saved:
    """A record that was signed and stored; `id` is its 64 hex digits."""

    kind: Kind
    id: str


class RegisterScreen(FrameScreen[Saved | None]):
    """Answers with what was saved, or None when it was left; its draft is kept then.

    Attributes:
        state: what the form says. form: shows it.
        desk: the calls to the Datastore.
        drafts: keeps what was typed.
    """

    CSS_PATH: ClassVar[str] = "register.tcss"
    AUTO_FOCUS: ClassVar[str | None] = ""
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    WHERE: ClassVar[tuple[Where, ...]] = ("register",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(*WHERE), *TYPE_AHEAD]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "register.save",
        "register.next_problem",
        "register.preview",
        "register.back",
        "app.help_f1",
        "register.next_section",
        "app.palette",
    )
    MODE: ClassVar[str] = "app.register"
    HEADING: ClassVar[str] = "Register"

    desk: Desk
    drafts: DraftKeeper

    def __init__(
        self,
        kind: Kind,
        *,
        record_id: str | None = None,
        duplicate_of: str | None = None,
        draft_key: str | None = None,
        imported: Candidate | None = None,
        version: str | None = None,
        any_draft: bool = False,
        is_at_hand: bool = False,
    ) -> None:
        """
        Args:
            kind: of the new record, or of the one named.
            record_id: edit this record. duplicate_of: start from this one. draft_key: go on with this draft.
            imported: start from what was read elsewhere.
            version: of an edit, what the record's version becomes.
            any_draft: of a new record, offer to go on with any draft in its place, not with those of its kind alone.
            is_at_hand: what is imported can be opened again from where it was: no draft is kept of it as it was read.
        """
        super().__init__()
        self.state = FormState.blank(kind)
        self.form = Form()
        self._wanted = Wanted(kind, record_id, duplicate_of, draft_key, imported, version, any_draft)
        self._offer: DraftList | None = None
        self._checking = asyncio.Lock()
        self._unchecked = self._checked = self._saving = False
        self._settled_with: dict[str, Json] = {}
        self._is_at_hand = is_at_hand
        self._as_read: dict[str, str] | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield self.form

    def on_mount(self) -> None:
        self.desk = Desk(self.datastore)
        self.drafts = DraftKeeper(self.desk, self.host.now)
        self._open(self._wanted)
        for name, watcher in (("minute", self._show_draft_age), ("facts", self._look_at_record)):
            self.watch(self.host, name, watcher, init=False)

    @property
    def ready(self) -> bool:
        """Whether the form is on the screen."""
        return self.form.shown

    @property
    def draft_left(self) -> str | None:
        """The key of the draft that the form leaves behind, None where there is none."""
        return self.drafts.key if self.ready and not self.drafts.closed else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Before the form is there one can only leave."""
        return super().check_action(action, parameters) if self.ready or action == "back" else False

    def footer_actions(self) -> tuple[str, ...]:
        first, last = self.FOOTER[:2], self.FOOTER[3:5]
        if isinstance(self.focused, FormfileArea):
            return (*first, "template.complete", "register.generate", "area.outside", *last)
        if self.focused is not None and any(isinstance(node, DescriptionRow) for node in self.focused.ancestors):
            return (*first, "register.read_description", "area.outside", *last)
        if isinstance(self.focused, EntryList):
            return (*first, "entries.add", "entries.remove", *last)
        if self.ready and self.form.suggesting() is not None:
            return tuple("register.suggestion" if name == "register.preview" else name for name in self.FOOTER)
        return self.FOOTER

    # ---- opening

    @flow(group="open")
    async def _open(self, wanted: Wanted) -> None:
        """Offer drafts that could be continued instead of a new record, then show the form that is wanted."""
        try:
            opened = await self.read(self.desk.open, wanted)
        except RegistryError as error:
            self.say(error.sentence, "problem")
            self.dismiss(None)
            return
        if opened.others:
            what = "a new model or agent" if wanted.any_draft else f"a new {wanted.kind}"
            self._offer = DraftList(opened, what, self.host.now(), self.desk.forget)
            key = await self.ask(self._offer, later=True)
            if key is not None:
                try:
                    opened = await self.read(self.desk.open, Wanted(wanted.kind, draft_key=key))
                except RegistryError as error:
                    opened = replace(opened, notice=error.sentence)
        await self._show(opened)
        if self._offer is not None:
            self.host.gate.put_back(self._offer.typed)

    async def _show(self, opened: Opened) -> None:
        self.drafts.key = opened.key
        self.title_line.heading = opened.heading
        self.drafts.saved_at = None if opened.draft is None else opened.draft.saved_at
        if opened.draft is not None:
            # What was typed before shows what is wrong with it, as it did then
            opened.state.left |= opened.state.touched()
        await self._show_form(opened.state)
        self._show_draft_age()
        if self._is_at_hand and opened.draft is None:
            self._as_read = dict(self.state.texts)
        elif self.state.notes and opened.draft is None:
            # What was read is kept like what is typed
            self._keep_soon()
        self.say(opened.notice or (_BACK if opened.draft is not None else ""))

    async def _show_form(self, state: FormState) -> None:
        self.state = state
        await self.form.show(state, self.desk.known_words)
        self.check()

    @on(KindRow.Chosen)
    @flow(group="open")
    async def _kind_chosen(self, message: KindRow.Chosen) -> None:
        self.state.switch(message.kind)
        self._checked = False
        await self._show_form(self.state)
        self.title_line.heading = f"Register {'an agent' if message.kind == 'agent' else 'a model'}"
        self._keep_soon()

    # ---- checking while somebody types

    @on(FieldRow.Edited)
    def _edited(self, message: FieldRow.Edited) -> None:
        if message.typed:
            self.next_step()
        path = message.row.field.path
        if path in self.state.origins:
            message.row.show_origin("")
        self.state.edit(path, message.row.text)
        if message.row.AS_YOU_TYPE:
            self.state.left.add(path)
        self._keep_soon()
        self.check()

    @on(ItemsRow.Said)
    def _row_said(self, message: ItemsRow.Said) -> None:
        self.say(message.sentence, "problem")

    @flow(group="check", background=True)
    async def check(self) -> None:
        """Ask the authoring rules about the texts as they stand."""
        await self._check()
        if self.host.outcome.text == _BACK:
            self.say(f"{_BACK}: {self.state.summary()}")

    async def _check(self) -> None:
        """One question at a time; of those that come meanwhile, the last one counts."""
        self._show_problems()
        self._unchecked = True
        async with self._checking:
            while self._unchecked:
                self._unchecked = False
                await self._ask_rules()
        self._show_problems()

    async def _ask_rules(self) -> None:
        kind = self.state.kind
        problems: tuple[Problem, ...] = ()
        names: dict[str, str] = {}
        try:
            problems, names = await self.read(self.desk.check, self.state.as_typed())
        except RegistryError as error:
            self.say(error.sentence, "problem")
        if kind == self.state.kind:
            self.state.checked = problems
            self._checked = True
            if names:
                self.form.show_names(names)

    def _show_problems(self) -> None:
        """Show in the form and on the status line what is known to be wrong."""
        self.form.show_problems()
        if self._checked:
            whole = self.state.shown().get("", [])
            words = whole[0].sentence if whole else self.state.summary()
            self.hint(words, "problem" if self.state.errors() else "note")
            self.refresh_footer()

    # ---- moving

    def action_next_problem(self) -> None:
        problem = self.form.next_problem()
        if problem is None:
            self.say(f"nothing is wrong: {key_of('register.save')} signs it", "done")
        else:
            self.next_step()
            self.form.go_to(problem)

    @flow
    async def action_take_suggestion(self) -> None:
        """Put what a problem says to write in place of what is wrong; of several the person chooses."""
        await self._check()  # what was typed last counts
        found = self.form.suggesting()
        if found is None:
            self.say(f"no problem says what to write in its place: {key_of('register.next_problem')} goes through them")
            return
        row, problem = found
        self.form.go_to(problem)
        value = problem.instead[0]
        if len(problem.instead) > 1:
            choices = [
                Choice(str(place), str(place), spelt_text(row.field, each) or "nothing")
                for place, each in enumerate(problem.instead[:9], 1)
            ]
            chosen = await self.ask(ChooseScreen(f"{row.field.label}: which one?", choices, problem.sentence))
            if chosen is None:
                return
            value = problem.instead[int(chosen) - 1]
        row.take_suggestion(problem, value)
        shown = spelt_text(row.field, value)
        self.say(f"{row.field.label}: {safe_text(shown, 60)}" if shown else f"{row.field.label}: taken out", "done")

    @flow
    async def action_pick_licence(self) -> None:
        """Choose a licence from those that are common, or that records here have."""
        row = self.form.row_at("license")
        names = await self.read(licences_like, self.desk.known_words, "")
        marks = "123456789abcdefghijklmnopqrstuvwxyz"
        choices = [Choice(mark, name, name) for mark, name in zip(marks, names, strict=False)]
        chosen = await self.ask(ChooseScreen("Licence", choices, "Any other SPDX expression can be typed."))
        if chosen is not None:
            row.focus_control()
            row.take_suggestion(Problem("license", "error", "not_stated", ""), chosen)

    def action_next_section(self) -> None:
        self.form.go_by(1)

    def action_previous_section(self) -> None:
        self.form.go_by(-1)

    def action_section(self, name: str) -> None:
        self.form.go_to_section(name)

    # ---- signing

    @flow(group="save")
    async def action_save(self) -> None:
        """Check what the form says, sign and store it, and leave with what was saved."""
        if self._saving:
            return
        self._saving = self.state.tried = True
        try:
            self.say("checking ...")
            await self._check()
            if self.state.errors():
                self._refuse()
            else:
                await self._sign()
        finally:
            self._saving = False

    async def _sign(self) -> None:
        kind, record_id = self.state.kind, self.state.record_id
        record, _ = self.state.record()
        manifest, behind_seen = self.state.manifest_to_write(), self.state.behind_seen
        entry = None
        try:
            entry = None if record_id is None else await self.read(self.datastore.entry, record_id, kind)
            if entry is None or (entry.heads == tuple(self.state.seen) and len(entry.live_heads) == 1):
                await ask_before_signing(self)  # else the write is refused, and what came is shown
                if entry is not None and not await self._may_be_signed(entry, record, manifest):
                    return
            key = await self.write(self.desk.sign, kind, record, record_id, self.state.seen, manifest, behind_seen)
        except InvalidRecord as error:
            self.state.checked = error.problems
            self._refuse()
        except RegistryError as error:
            if record_id is not None and error.code == "conflict":
                if entry is not None and len(entry.live_heads) < 2:
                    await self._settle_manifest(kind, record_id)
                else:
                    self._settle(record_id, record)
            elif record_id is not None and error.code in ("changed", "not_found"):
                await self._merge(kind, record_id)
            else:
                self.say(f"not saved: {error.sentence} (the form and its draft are kept)", "problem")
                self.keep_draft()
        else:
            leftover = await self._drop_draft()
            # As many of the id's digits as tell records apart, so that the name and what follows are in sight too.
            said = "registered" if record_id is None else "saved"
            done = f"{said} {safe_text(str(record['name']), 40)}, id {key[:12]}"
            self.say(f"{done} ({leftover})" if leftover else done, "problem" if leftover else "done")
            self.host.look()
            self.dismiss(Saved(kind, key))

    async def _may_be_signed(self, entry: Entry, record: Record, manifest: GivenManifest) -> bool:
        """Whether that may be done where it changes what others rely on: who names the record is said before it is
        signed."""
        changes = relied_on(entry.record, record)
        if isinstance(manifest, dict):
            behind = await self.read(self.datastore.manifests.get, entry.id)
            changes += relied_on((behind and behind.manifest) or defaults("manifest"), manifest)
        affected = affected_line(await self.read(self.datastore.links.affected, entry.id)) if changes else None
        if affected is None:
            return True
        if await self.ask(ConfirmScreen(f"Sign {', '.join(changes)}?", f"{affected}.", yes="Sign", no="Back")):
            return True
        self.say("nothing was signed: the form is as it was")
        return False

    def _settle(self, record_id: str, record: Record) -> None:
        """The record came into conflict while it was edited: what was typed is taken along to where that is settled."""
        self.keep_draft()
        typed = {path: value_at(record, path) for path in self.state.touched() if not path.startswith(MANIFEST)}
        # What was taken along before may have been decided otherwise there since, unless all of it was given up there.
        before = self._settled_with if record_id in self.host.decided else {}
        fresh = {path: value for path, value in typed.items() if path not in before or before[path] != value}

        def taken() -> None:
            self._settled_with = typed
            along = ", and what you typed is taken along here" if fresh else ""
            self.say(f"in conflict meanwhile: nothing was signed{along}", "problem")

        self.say(f"in conflict meanwhile: nothing was signed, {key_of('register.save')} shows the versions", "problem")
        self.app.post_message(Settle(record_id, fresh, taken, self._settled))

    async def _settle_manifest(self, kind: Kind, record_id: str) -> None:
        """What stands behind the record came into conflict while it was edited: one version is chosen, and what was
        typed is merged with it."""
        self.keep_draft()
        if await choose_manifest(self, record_id):
            await self._merge(kind, record_id)

    @flow(group="leave")
    async def _settled(self, is_there: bool) -> None:
        """The conflict was settled, and what was typed had its say: the form has done its work."""
        outcome = self.host.outcome
        leftover = await self._drop_draft()
        self.say(f"{outcome.text} ({leftover})" if leftover else outcome.text, "problem" if leftover else outcome.tone)
        record_id = self.state.record_id
        self.dismiss(Saved(self.state.kind, record_id) if is_there and record_id is not None else None)

    def _refuse(self) -> None:
        """Say that it was not signed, and go to the first thing to put right."""
        first = self.state.errors()[0]
        of_a_field = field_at(self.state.kind, first.path) is not None
        self.say(f"not signed yet: {self.state.summary() if of_a_field else first.sentence}", "problem")
        self._show_problems()
        self.form.go_to(first)

    async def _merge(self, kind: Kind, record_id: str) -> None:
        """Bring what others made of the record into the form; what both changed is asked about."""
        entry = await self.read(self.datastore.entry, record_id, kind)
        if entry is None:
            self.state.record_id, self.state.source, self.state.seen = None, None, ()
            self.state.behind, self.state.behind_seen = None, ()
            self.drafts.key = new_key()
            self.keep_draft()
            self.say(
                f"this record was deleted meanwhile: the form is kept, {key_of('register.save')} registers it as new",
                "problem",
            )
            return
        behind = await self.read(self.desk.behind, record_id)
        theirs = to_texts(kind, entry.record, behind.manifest)
        found = changed_by_them(differences(kind, self.state.base, self.state.texts, theirs))
        if found:
            self.say("this record changed meanwhile: nothing is signed yet", "problem")
        choices = await self.ask(MergeScreen(found), later=True) if found else {}
        if choices is None:
            self.say(f"nothing was merged: {key_of('register.save')} offers it again", "problem")
            return
        self.state.texts = merged(self.state.texts, theirs, choices)
        self.state.base, self.state.source, self.state.seen = theirs, entry.record, entry.heads
        self.state.behind, self.state.behind_seen = behind.manifest, behind.heads
        self.form.put_texts()
        self.check()
        self.keep_draft()
        self.say(f"merged: look it over, {key_of('register.save')} signs it", "done")

    @flow(group="look", background=True)
    async def _look_at_record(self) -> None:
        """Say when the record that is being edited changes underneath."""
        record_id = self.state.record_id
        if record_id is None or self.draft_left is None:
            return
        # Saving will meet the same trouble and say it; a look in passing stays silent
        with suppress(RegistryError):
            overtaken = await self.read(self.desk.overtaken, self.state)
            # Where saving found a conflict, or that the record is gone, that was said.
            unsaid = record_id == self.state.record_id and not self._settled_with and not self.drafts.closed
            if overtaken and self.is_active and unsaid:
                self.say(
                    f"this record changed meanwhile: {key_of('register.save')} shows how, nothing is signed yet",
                    "problem",
                )

    # ---- the draft, and leaving

    def _keep_soon(self) -> None:
        """Something was typed: store it in a moment."""
        if not self.drafts.unsaved:
            self.drafts.unsaved = True
            self.set_timer(DRAFT_DELAY, self._keep_unsaved)

    def _keep_unsaved(self) -> None:
        if self.ready and self.drafts.unsaved:
            self.keep_draft()

    @flow(group="draft", background=True)
    async def keep_draft(self) -> None:
        """Store what was typed."""
        await self._keep()

    async def _keep(self) -> str:
        """Store what was typed; the result says why that failed, and is empty where it did not."""
        try:
            moved = await self.drafts.keep(self.state)
        except RegistryError as error:
            self.note("draft not saved")
            self.say(f"the draft could not be saved: {error.sentence}", "problem")
            return error.sentence
        self._show_draft_age()
        if moved:
            self.say("this draft was changed elsewhere too: yours is kept beside it")
        return ""

    def _show_draft_age(self) -> None:
        self.note(self.drafts.age())

    def on_screen_suspend(self) -> None:
        self._keep_unsaved()

    def on_unmount(self) -> None:
        # A disk that refuses this has refused the drafts before, which was said then
        with suppress(RegistryError):
            if not self.ready and self._offer is not None:
                # The app ends while the question about drafts stands
                self.state.edit("name", self._offer.first_line)
                self.drafts.unsaved = self.state.changed
            if self.ready or self._offer is not None:
                self.drafts.keep_at_once(self.state)

    @flow(group="leave")
    async def action_back(self) -> None:
        """Leave the form; what was typed stays as a draft."""
        if not self.ready:
            self.dismiss(None)
        elif not self.state.changed or self.state.texts == self._as_read:
            await self._discard_and_leave()
        elif failure := await self._keep():
            question, why = "Leave, and lose what you typed?", f"The draft could not be saved: {failure}"
            if await self.ask(ConfirmScreen(question, why, yes="Leave", no="Stay", for_good=True), later=True):
                self.dismiss(None)
        else:
            self.say("draft kept: Register offers it again")
            self.dismiss(None)

    @flow(group="leave")
    async def action_discard_draft(self) -> None:
        """Leave the form and its draft, after a question."""
        question, why = "Discard what you typed?", "It cannot be brought back."
        if await self.ask(ConfirmScreen(question, why, yes="Discard", no="Keep", for_good=True)):
            await self._discard_and_leave()

    async def _discard_and_leave(self) -> None:
        trouble = await self._drop_draft()
        if trouble:
            self.say(trouble, "problem")
        self.dismiss(None)

    async def _drop_draft(self) -> str:
        """Remove the draft; the result says why that failed, and is empty where it did not."""
        try:
            await self.drafts.drop()
        except RegistryError as error:
            return f"the draft could not be removed: {error.sentence}"
        return ""

    # ---- what helps to fill it in

    @flow
    async def action_preview(self) -> None:
        """Show what would be signed."""
        facts = self.host.facts
        if facts is None:
            return
        record, _ = self.state.record()
        editing = self.state.record_id is not None
        shown = preview(
            self.state.kind,
            record,
            owner=facts.address,
            now=self.host.now(),
            children=len(self.state.seen),
            manifest=self.state.manifest()[0],
            base=self.state.base if editing else None,
            texts=self.state.texts if editing else None,
        )
        await self.ask(PreviewScreen(shown, self.state.summary()))

    @flow
    async def action_generate(self) -> None:
        """Write the Formfile from what the record needs, after a question when there is one already."""
        record, _ = self.state.record()
        text = generate(self.state.kind, record)
        row = self.query_one(TemplateRow)
        if row.text.strip() and row.text != text:
            detail = "It is written anew from name, description, requirements and preferred models."
            if not await self.ask(ConfirmScreen("Replace the Formfile?", detail, yes="Replace", no="Keep")):
                return
        row.rewrite(text)
        self.say("written from what the record needs; ctrl+z takes it back", "done")

    def action_format(self) -> None:
        """Lay out the Formfile; lines with errors stay as they are."""
        row = self.query_one(TemplateRow)
        row.rewrite(formatted(row.control.text))
        self.say("laid out; ctrl+z takes it back", "done")

    def action_read_description(self) -> None:
        """Show the description as it will be read, or edit it again."""
        row = self.query_one(DescriptionRow)
        row.turn()
        # What is to be read has its height only now
        self.form.body.call_after_refresh(self.form.body.show_focused)
        self.say("as it will be read: F4 edits it again, links are not opened" if row.reading else "")

    @on(PickWanted)
    @flow
    async def _pick(self, message: PickWanted) -> None:
        row, path = message.row, message.row.field.path
        # Of what an agent prefers, and of nothing else, the record says which types fit
        of_agent = path == "preferred_models"
        compatible = split_items(self.state.texts.get("compatible_model_types", "")) if of_agent else None
        # A record is replaced by one of its kind, and made from models
        kind: Kind = self.state.kind if path == f"{MANIFEST}superseded_by" else "model"
        there = () if isinstance(row, RecordRow) else row.chips.items
        identifier = await self.ask(
            PickModel(message.query, compatible, there, kind=kind, without=self.state.record_id)
        )
        if identifier is None:
            return
        if isinstance(row, RecordRow):
            row.take(identifier)
        else:
            row.take_in([identifier])


class RegisterMode(FrameScreen[None]):
    """The base of the mode 2: it opens a form over itself as soon as it is shown, and goes to Browse when that is done.

    Leaving the form leaves the mode; a form that is open stays open.
    """

    MODE: ClassVar[str] = "app.register"

    def __init__(self) -> None:
        super().__init__()
        self._form: RegisterScreen | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield Static()

    def on_screen_resume(self) -> None:
        # This screen may be shown again before the answer of the form that was left comes to it
        if self.is_active and self._form is None:
            self._open_form()

    @flow
    async def _open_form(self) -> None:
        while self._form is None:
            form = self._form = RegisterScreen("model", any_draft=True)
            try:
                saved = await self.ask(form)
            finally:
                self._form = None
            if not self.is_active:
                return  # who has gone to another mode stays there, and finds a fresh form here
            if not form.answered_unseen:
                # Before Textual says that this screen is shown again, at which it would open a new form
                self.app.switch_mode("browse")
                if saved is not None:
                    self.app.post_message(ShowRecord(saved.id))
                return
            # It was done while another mode was shown; whoever comes back now wants to register


# The draft of a form


class DraftKeeper:
    """Keeps the draft of one form.

    Attributes:
        key: of the draft.
        saved_at: when it was stored, None when there is none.
        unsaved: something was typed since.
        closed: the record was signed or the draft discarded: none is kept from here on.
    """

    def __init__(self, desk: Desk, now: Callable[[], int]) -> None:
        self.key = new_key()
        self.saved_at: int | None = None
        self.unsaved = self.closed = False
        self._desk = desk
        self._now = now
        self._writing = asyncio.Lock()

    async def keep(self, state: FormState) -> bool:
        """Store what the form says, one write at a time.

        Returns:
            Whether another form changed the draft meanwhile, so that this one is stored beside it.

        Raises:
            RegistryError: it could not be stored.
        """
        async with self._writing:
            if self.closed:
                return False
            self.unsaved = False
            draft = as_draft(self.key, state, self._now())
            key = await write(self._desk.keep, draft)
            self.saved_at = draft.saved_at
            moved = key != draft.key == self.key
            if moved:
                self.key = key
            return moved

    def keep_at_once(self, state: FormState) -> None:
        """Store what was typed since the last time, when the app ends and no flow would come to it.

        Raises:
            RegistryError: it could not be stored.
        """
        if self.unsaved and not self.closed:
            self._desk.keep(as_draft(self.key, state, self._now()))

    async def drop(self) -> None:
        """Remove the draft for good.

        Raises:
            RegistryError: it could not be removed.
        """
        self.closed = True
        await write(self._desk.close, self.key)

    def age(self) -> str:
        """`draft saved just now`, `draft saved 3 min ago`; empty when there is none."""
        return "" if self.saved_at is None else saved_ago(self.saved_at, self._now())


class DraftList(Dialog[str]):
    """Drafts that could be gone on with, and a fresh form. Answers with the key of a draft; None, as after Esc, is for
    a fresh form.

    It stands between the key that asks for a form and that form, so that what is typed here is for the form. No letter
    answers, and the first one moves the cursor from the draft that Enter would open to the fresh form.

    Attributes:
        typed: what was typed and pasted, for the form.
    """

    BINDINGS = bindings_for("drafts")

    def __init__(self, opened: Opened, fresh: str, now: int, forget: Callable[[Draft], None]) -> None:
        """
        Args:
            opened: the fresh form, with the drafts that could be gone on with.
            fresh: what the fresh form is called.
            now: Unix seconds.
            forget: removes a draft; called in a thread.
        """
        others = f"\nOther drafts: {opened.elsewhere}, offered by 2 Register" if opened.elsewhere else ""
        super().__init__("Go on with a draft?", f"Enter opens one, Delete discards it, Esc starts anew{others}")
        self.add_class("-form")
        self.typed: list[events.Key | events.Paste] = []
        self._drafts = {draft.key: draft for draft in opened.others}
        self._fresh = fresh
        self._now = now
        self._forget = forget

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(Option(_words(draft, self._now), id=key) for key, draft in self._drafts.items()),
            Option(Content(self._fresh)),
        )
        yield Static(Content(_INVITATION), classes="typed")

    @property
    def first_line(self) -> str:
        """What was typed for the first field of the form."""
        return _texts(self.typed).split("\t")[0]

    def on_key(self, event: events.Key) -> None:
        if event.is_printable or event.key == "tab":
            self._take(event, [*self.typed, event.copy()])
        elif event.key == "backspace":
            self._take(event, _without_last(self.typed))
        elif event.key == "ctrl+u":
            self._take(event, [])

    def on_paste(self, event: events.Paste) -> None:
        self._take(event, [*self.typed, events.Paste(event.text)])

    def _take(self, event: events.Key | events.Paste, typed: list[events.Key | events.Paste]) -> None:
        event.stop()
        event.prevent_default()
        options = self.query_one(OptionList)
        if typed and not self.typed and not options.highlighted:
            options.action_last()
        self.typed = typed
        text = _texts(typed).replace("\t", " [tab] ")
        shown = safe_text(text)[-_SHOWN:]
        self.query_one(".typed", Static).update(Content(f"typed so far: {shown}" if text else _INVITATION))

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    @flow
    async def action_discard(self) -> None:
        """Remove the draft under the cursor, after a question; without any left there is nothing to choose."""
        drafts = self.query_one(OptionList)
        option = drafts.highlighted_option
        if option is None or option.id is None:
            self.say("this is not a draft")
            return
        draft = self._drafts[option.id]
        what, when = describe(draft, self._now)
        detail = f"{what}, left {when}\nIt cannot be brought back."
        question = ConfirmScreen("Discard this draft?", detail, yes="Discard", no="Keep", for_good=True)
        if await self.ask(question):
            await self.write(self._forget, draft)
            drafts.remove_option(draft.key)
            if drafts.option_count == 1:
                self.dismiss(None)


_INVITATION = "what you type goes to the form that you choose"
_SHOWN = 50


def _texts(typed: Iterable[events.Key | events.Paste]) -> str:
    """What was typed as text, a Tab for the way to the next field."""
    pieces = []
    for event in typed:
        if isinstance(event, events.Paste):
            pieces.append(" ".join(event.text.split()))
        else:
            pieces.append("\t" if event.key == "tab" else event.character or "")
    return "".join(pieces)


def _without_last(typed: list[events.Key | events.Paste]) -> list[events.Key | events.Paste]:
    """What was typed without its last character, of a paste as well."""
    last = typed[-1] if typed else None
    rest = typed[:-1]
    return [*rest, events.Paste(last.text[:-1])] if isinstance(last, events.Paste) and last.text[:-1] else rest


def saved_ago(saved_at: int, now: int) -> str:
    """`draft saved just now`, `draft saved 3 min ago`."""
    return f"draft saved {_ago(saved_at, now)}"


def describe(draft: Draft, now: int) -> tuple[str, str]:
    """A draft in a list: what it is, and when it was left."""
    name = safe_text(draft.fields.get("name", "").strip(), 48) or "without a name"
    doing = "edit of" if draft.record_id is not None else "new"
    return f"{doing} {draft.kind}: {name}", _ago(draft.saved_at, now)


def _ago(then: int, now: int) -> str:
    seconds = max(0, now - then)
    return "just now" if seconds < 60 else f"{age(seconds)} ago"


def _words(draft: Draft, now: int) -> Content:
    what, when = describe(draft, now)
    return Content.assemble(what, (f"  {when}", "$text-muted"))

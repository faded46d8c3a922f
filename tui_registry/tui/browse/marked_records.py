"""Several records at once: which are marked, what all of them get, and the file that they are written to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tui_registry import exports
from tui_registry.datastore import Datastore, Row, StoreError
from tui_registry.durable import drafted, give_new_name
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present import several
from tui_registry.present.links import affected_line
from tui_registry.text import exact, plural, safe_text
from tui_registry.tui import imports, kit, register
from tui_registry.tui.browse.answers import Question, read_found, read_places
from tui_registry.tui.browse.record_actions import Change, Ref, Subject
from tui_registry.tui.browse.record_list import RecordList
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen, Part, flow, unwanted

if TYPE_CHECKING:
    from tui_registry.tui.imports.survey import Progress
    from tui_registry.tui.register import Fault

_MOST_TAGS: Final = 6
_MOST_AFFECTED: Final = 4
_SECONDS: Final = 0.5
_MOST_OFFERS: Final = 20
_Format = Literal["json", "ops", "bom"]
# A record that the rules are asked with.
_Sample = tuple[Kind, Record]


class Marking(Part):
    """Marks of more than one record: a range, all that are found."""

    def __init__(
        self,
        screen: FlowScreen[None],
        records: RecordList,
        question: Callable[[], Question],
        answered: Callable[[], Question],
    ) -> None:
        """
        Args:
            question: the one that the search line asks: what was typed in one burst the list may not show yet.
            answered: the one whose answer the list shows.
        """
        super().__init__(screen)
        self._records = records
        self._question = question
        self._answered = answered

    @flow
    async def action_mark_range(self) -> None:
        """Mark all between the record that was marked last and the cursor."""
        wanted = self._records.range_to_mark()
        if wanted is None:
            mark, here = key_of("marks.mark"), key_of("browse.mark_range")
            self.say(f"{mark} marks the first of them; then go to the last one and press {here}", "note")
            return
        first, last, span = wanted
        if last - first >= several.MOST:
            self.say(
                f"{exact(last - first + 1)} lie between: at most {exact(several.MOST)} are marked at once", "problem"
            )
            return
        rows = await self.read(read_places, self.datastore, self._answered(), span, first, last, unwanted())
        self._mark(rows)

    @flow
    async def action_mark_all(self) -> None:
        """Mark all that are found; where all are marked, unmark them."""
        question = self._question()
        rows = await self.read(read_found, self.datastore, question, several.MOST, unwanted())
        if question != self._question():
            return
        if rows is None:
            self.say(f"{several.TOO_MANY}; nothing was marked", "problem")
        elif rows and all(row.id in self._records.marked for row in rows):
            self._records.unmark([row.id for row in rows])
        else:
            self._mark(rows)

    def _mark(self, rows: Sequence[Row]) -> None:
        count = len(self._records.marked.keys() | {row.id for row in rows})
        if count > several.MOST:
            most, back = exact(several.MOST), key_of("browse.back")
            self.say(f"{exact(count)} would be marked, and at most {most} are: {back} unmarks those before", "problem")
        else:
            self._records.mark(rows)


class Several(Part):
    """What the marked records get, or the one under the cursor where none are marked; and the file they go to."""

    def __init__(self, screen: FlowScreen[None], subject: Subject) -> None:
        super().__init__(screen)
        self._subject = subject

    @flow(writes=True)
    async def action_tags(self) -> None:
        """Add tags to the records, or take some away."""
        asked = self._subject.refs()
        own = await self._own_among(asked)
        if own is None:
            return
        had = several.common_tags(record for _, record in own)
        told = ", ".join(
            f"{safe_text(tag, 40)}{f' ({exact(count)})' * (len(own) > 1)}" for tag, count in had[:_MOST_TAGS]
        )
        more = f" and {exact(len(had) - _MOST_TAGS)} more" if len(had) > _MOST_TAGS else ""
        question = register.ValueScreen(
            f"Tags of {_named_own(asked, own)}",
            f"They have {told or 'none'}{more}." if len(own) > 1 else f"It has {told or 'none'}{more}.",
            "rag -old adds one and takes one away",
            partial(_offered_tags, self.datastore, tuple(tag for tag, _ in had)),
            partial(_wrong_tags, self.datastore, own[0]),
        )
        text = await self.ask(question)
        if text is not None:
            await self._change(several.read_tags(text), asked)

    @flow(writes=True)
    async def action_licence(self) -> None:
        """Set the licence of the records."""
        asked = self._subject.refs()
        own = await self._own_among(asked)
        if own is None:
            return
        had = dict.fromkeys(safe_text(str(record["license"]), 40) for _, record in own)
        told = ", ".join([*had][:_MOST_TAGS]) + (" and others" if len(had) > _MOST_TAGS else "")
        question = register.ValueScreen(
            f"Licence of {_named_own(asked, own)}",
            f"Now {told}. It is an SPDX expression.",
            "Apache-2.0",
            partial(_offered_licences, self.datastore),
            partial(_wrong_licence, self.datastore, own[0]),
        )
        text = await self.ask(question)
        if text is not None:
            await self._change(several.Edit(licence=text), asked)

    @flow
    async def action_export(self) -> None:
        """Write the records into a file."""
        asked = self._subject.refs()
        if not asked:
            self.say("no record under the cursor", "problem")
            return
        choices = [
            kit.Choice("j", "json", "JSON lines", "one a line, as import reads them"),
            kit.Choice("o", "ops", "signed operations", "for verify --ops and import"),
        ]
        if len(asked) == 1:
            choices.append(kit.Choice("b", "bom", "bill of materials", "CycloneDX 1.7, with all that it needs"))
        form = await self.ask(kit.ChooseScreen(f"Export {_named(asked)} as", choices))
        known = {"json": "models.ndjson", "ops": "models.ops", "bom": "bom.cdx.json"}
        for one in ("json", "ops", "bom"):
            if one == form:
                ids = [ref.id for ref in asked]
                write = partial(_write_export, self.datastore, ids, one, self.screen.host.now())
                where = imports.SourceScreen(
                    f"Export {_named(asked)} to which file?",
                    "A new file: none is written over.",
                    write,
                    placeholder=f"~/{known[one]}",
                    doing=("writing", "writing", "writes it"),
                )
                written = await self.ask(where, later=True)
                if written is not None:
                    self.say(f"wrote {written.words} to {safe_text(str(written.path), 200)}", "done")

    # How

    async def _own_among(self, asked: Sequence[Ref]) -> list[_Sample] | None:
        """Those of this replica's own; None where there are none, which is said."""
        if not asked:
            self.say("no record under the cursor", "problem")
            return None
        own = await self.read(_own_records, self.datastore, [ref.id for ref in asked])
        if not own:
            whose = "it is another owner's" if len(asked) == 1 else "none of the marked records is yours"
            self.say(f"{whose}: only its owner can change a record", "problem")
            return None
        return own

    async def _sign(self, planned: several.Plan) -> tuple[int, str]:
        """Write what was told, and say how far that is: ten thousand take half a minute."""
        signed, of = _Signed(), exact(len(planned.changes))

        def tell() -> None:
            if signed.count:
                self.say(f"signing … {exact(signed.count)} of {of}")

        telling = self.screen.set_interval(_SECONDS, tell)
        try:
            return await kit.sign(self, _write, self.datastore, planned, signed)
        finally:
            telling.stop()

    async def _change(self, edit: several.Edit, asked: Sequence[Ref]) -> None:
        """Tell what the edit makes of the records, ask, and sign it all as one batch."""
        planned: several.Plan = await self.read(_plan, self.datastore, edit, asked)
        if not planned.changes:
            self.say(several.nothing_to_do(planned), "problem" if planned.is_refused else "note")
            return
        lines = several.details(planned, f"{key_of('record.undo')} on one of them takes all of it back")
        if edit.licence is not None:
            ids = [change.id for change in planned.changes[:_MOST_AFFECTED]]
            lines[1:1] = await self.read(_affected, self.datastore, ids)
        if not await self.ask(kit.ConfirmScreen(several.question(planned), "\n".join(lines), yes="Sign", no="Back")):
            return
        written, failure = await self._sign(planned)
        told = [
            several.done(planned, written),
            failure,
            f"{key_of('record.undo')} on one takes it back" * bool(written),
        ]
        self.say(": ".join(filter(None, told)), "problem" if failure else "done")
        self.screen.host.look()
        self._subject.changed(Change())


# What is read and written in threads


class _Signed:
    """How many are signed so far; whoever draws looks at it now and then."""

    def __init__(self) -> None:
        self.count = 0


class Written(NamedTuple):
    """A file that was written, and what is in it."""

    path: Path
    words: str


def _named(asked: Sequence[Ref]) -> str:
    return f"“{safe_text(asked[0].name, 60)}”" if len(asked) == 1 else f"{exact(len(asked))} records"


def _named_own(asked: Sequence[Ref], own: Sequence[_Sample]) -> str:
    """Those that can be changed: what is told of them holds of no others."""
    if len(own) == len(asked):
        return _named(asked)
    return f"{exact(len(own))} of {exact(len(asked))} records: no more are yours"


def _own_records(datastore: Datastore, identifiers: Sequence[str]) -> list[_Sample]:
    records = ((body.kind, json.loads(body.record)) for body in datastore.bodies(identifiers))
    return [(kind, record) for kind, record in records if record["owner_id"] == datastore.address]


def _plan(datastore: Datastore, edit: several.Edit, asked: Sequence[Ref]) -> several.Plan:
    bodies = datastore.bodies([ref.id for ref in asked])
    return several.plan(edit, asked, bodies, datastore.address, datastore.check)


def _affected(datastore: Datastore, identifiers: Sequence[str]) -> list[str]:
    """Who names these records, in words; nothing of those that nobody names."""
    found = (affected_line(datastore.links.affected(identifier)) for identifier in identifiers)
    return [f"{line}." for line in found if line is not None]


def _write(datastore: Datastore, planned: several.Plan, signed: _Signed) -> tuple[int, str]:
    """How many were written, and why the first of the others was not. Raises StoreError where none was."""
    failure = ""
    try:
        for outcome in datastore.change_all(planned.changes, together=planned.together()):
            if isinstance(outcome, RegistryError):
                failure = failure or outcome.sentence
            else:
                signed.count += 1
    except StoreError as error:
        if not signed.count:
            raise
        failure = error.sentence
    return signed.count, failure


def _wrong_tags(datastore: Datastore, sample: _Sample, text: str) -> list[Fault]:
    try:
        edit = several.read_tags(text)
    except ValueError as error:
        return [register.Fault(str(error))]
    # What would be right is a tag, and the line holds what is added and taken away.
    return [fault._replace(instead=()) for fault in _wrong(datastore, edit, sample, "tags")]


def _wrong_licence(datastore: Datastore, sample: _Sample, text: str) -> list[Fault]:
    if not text:
        return [register.Fault("write a licence, such as Apache-2.0 or MIT")]
    return _wrong(datastore, several.Edit(licence=text), sample, "license")


def _wrong(datastore: Datastore, edit: several.Edit, sample: _Sample, field: str) -> list[Fault]:
    """What the rules have against it in that field."""
    kind, record = sample
    said = (one for one in datastore.check(kind, edit.of(record)) if one.path.startswith(field))
    wrong = [one for one in said if one.severity == "error"]
    return [register.Fault(one.sentence, instead=tuple(str(each) for each in one.instead if each)) for one in wrong]


def _offered_tags(datastore: Datastore, had: Sequence[str], text: str) -> list[str]:
    """The text with its last word completed: what could be taken away after a minus, else what records here have."""
    begun = "" if text[-1:] in ("", " ", ",") else text.replace(",", " ").split()[-1]
    before = text[: len(text) - len(begun)]
    word = begun.removeprefix("-").lower()
    if begun.startswith("-"):
        return [f"{before}-{tag}" for tag in had if tag.startswith(word)][:_MOST_OFFERS]
    known = [found.value for found in datastore.known_values("tag", word, _MOST_OFFERS)]
    return [f"{before}{tag}" for tag in known if safe_text(tag) == tag and not any(sign in tag for sign in " ,")]


def _offered_licences(datastore: Datastore, text: str) -> list[str]:
    from tui_registry.tui.register.known_words import Known, licences_like  # few set one

    def known(_path: str, prefix: str) -> list[Known]:
        found = datastore.known_values("license", prefix, _MOST_OFFERS)
        return [Known(one.value, one.records) for one in found if safe_text(one.value) == one.value]

    return licences_like(known, text.strip())[:_MOST_OFFERS]


def _write_export(
    datastore: Datastore,
    identifiers: Sequence[str],
    form: _Format,
    now: int,
    typed: str,
    is_unwanted: Callable[[], bool],
    progress: Progress,
) -> Written:
    """Write records into a new file. Raises RegistryError where it cannot be written, and nothing is there then."""
    path = Path(typed)
    if form != "ops":  # those of what was deleted meanwhile tell that
        identifiers = [body.id for body in datastore.bodies(identifiers)]
        if not identifiers:
            raise RegistryError("not_found", "what was to be exported was deleted meanwhile: nothing was written")

    def parts() -> Iterator[bytes]:
        for line in _exported(datastore, identifiers, form, now):
            if is_unwanted():
                raise RegistryError("unwanted", "nothing was written")
            progress.done += form == "json"
            yield line

    progress.total = len(identifiers) if form == "json" else 0
    try:
        path = path.expanduser()
        if path.is_dir():
            raise RegistryError("file", f"{path} is a folder: write the name of a file in it")
        if path.exists():
            raise RegistryError("file", f"{path} is there already: write another name")
        with drafted(path, parts(), 0o666) as draft:
            give_new_name(draft, path)
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RegistryError("file", f"{path} cannot be written: {why}") from error
    what = {"json": "JSON lines", "ops": "the signed operations", "bom": "the bill of materials"}[form]
    return Written(path, f"{what} of {plural(len(identifiers), 'record')}")


def _exported(datastore: Datastore, identifiers: Sequence[str], form: _Format, now: int) -> Iterator[bytes]:
    if form == "ops":
        yield from exports.operations_of(datastore, identifiers)
    elif form == "bom":
        yield exports.json_line(exports.bill_of(datastore, identifiers[0], now)[0])
    else:
        found = (datastore.entry(identifier) for identifier in identifiers)
        told = (exports.exported_json(datastore, entry) for entry in found if entry is not None)
        yield from map(exports.json_line, told)

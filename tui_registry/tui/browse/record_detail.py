"""A record in full: a header, and tabs below it. What stands in them comes from `present`, and is laid out here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui_registry import fit, query
from tui_registry.datastore import Datastore, Entry, HistoryEntry, Linked, LinkPage, ManifestEntry, Walk
from tui_registry.errors import Kind, Problem, Record
from tui_registry.fit import Machine, Model
from tui_registry.frozen import NamedTuple
from tui_registry.present import fit_words as fitted, links as relations
from tui_registry.present.amounts import moment
from tui_registry.present.columns import kind_cell
from tui_registry.present.deeds import standing
from tui_registry.present.links import Near
from tui_registry.present.manifest_rows import manifest_rows, status
from tui_registry.present.owners import remarks, said_by_domain
from tui_registry.present.record_rows import (
    Row,
    domain_rows,
    fact_rows,
    requirement_rows,
    signature_rows,
    signed_by,
    time_rows,
    warnings,
)
from tui_registry.present.version_words import came, of_manifest, what_changed
from tui_registry.query import Text
from tui_registry.text import address_short, exact, plural, safe_text
from tui_registry.tui.browse.record_list import STAR_MARK
from tui_registry.tui.kit.actions import action, key_of
from tui_registry.tui.kit.authored import formfile_lines, markdown_lines
from tui_registry.tui.kit.facts import Tone
from tui_registry.tui.kit.flows import flow, read
from tui_registry.tui.kit.host import host_of, read_styles
from tui_registry.tui.kit.terminal import room_behind
from tui_registry.tui.kit.text_flow import Flow, Layout, TextBody, field, heading, paragraph, stack, wrapped

TABS: Final = {
    "overview": "Overview",
    "requirements": "Needs",
    "fit": "Fit",
    "formfile": "Formfile",
    "sources": "Sources",
    "links": "Links",
    "history": "History",
    "proof": "Proof",
}
_STYLES: Final = "browse/record_detail.tcss"
_GAP: Final = 2  # between the titles of tabs
_BEFORE, _BEHIND = "<", ">"  # where not all of them have room
_LABEL: Final = 14
_LONGEST_URI: Final = 400
# Of a bar of what is required: whose amount it is, and the amount.
_WHOSE: Final = 14
_AMOUNT: Final = 9
# A note of no more characters stands in the header.
_SHORT_NOTE: Final = 80
# Of the domains that name a key the header tells so many, the overview all.
# Of the domains that name a key the header tells so many, the proof the others.
_DOMAINS_TOLD: Final = 1
# Of each sort of links so many are shown, and of the trees so many records, of so many levels.
_LINKS_SHOWN: Final = 50
_TREE_SHOWN: Final = 60
_LEVELS_SHOWN: Final = 6
# A record may have any number of operations: so many of them are shown, around the cursor.
HISTORY_SHOWN: Final = 200


class TabLine(Widget):
    """Never has the focus: that stays with the text, and its keys turn the tabs.

    Attributes:
        active: the name of the tab that is open.
    """

    ALLOW_SELECT: ClassVar[bool] = False

    active: reactive[str] = reactive("")

    class Turned(Message):
        """Another tab was opened."""

    def __init__(self, tabs: Mapping[str, str]) -> None:
        """
        Args:
            tabs: name -> title, in the order they are shown; the first is open.
        """
        super().__init__()
        self._tabs = dict(tabs)
        self.set_reactive(TabLine.active, next(iter(self._tabs)))

    def turn(self, step: int) -> None:
        """Open the tab so many steps further; after the last comes the first."""
        names = list(self._tabs)
        self.active = names[(names.index(self.active) + step) % len(names)]

    def watch_active(self) -> None:
        self.post_message(self.Turned())

    def render(self) -> Content:
        titles, bars = [], []
        for name, title in self._in_sight():
            is_open = name == self.active
            titles.append(Content.styled(title, "bold $foreground" if is_open else "$foreground-muted"))
            bars.append(Content.styled(("━" if is_open else "─") * len(title), "$primary" if is_open else "$panel"))
        return Content.assemble(Content(" " * _GAP).join(titles), "\n", Content.styled("─" * _GAP, "$panel").join(bars))

    def _in_sight(self) -> list[tuple[str, str]]:
        """The tabs that there is room for, the open one among them; before and behind them signs that there are more,
        which lead to the next one that is not in sight."""
        tabs = [*self._tabs.items()]
        names = [*self._tabs]
        width = self.content_size.width
        for first in range(len(tabs)):
            shown = [(names[first - 1], _BEFORE)] if first else []
            last = first
            for place in range(first, len(tabs)):
                with_it = [*shown, tabs[place], *([("", _BEHIND)] if place + 1 < len(tabs) else [])]
                if place > first and sum(len(title) + _GAP for _, title in with_it) - _GAP > width:
                    break
                shown.append(tabs[place])
                last = place
            if names.index(self.active) <= last:
                return [*shown, *([(names[last + 1], _BEHIND)] if last + 1 < len(tabs) else [])]
        return tabs

    def on_click(self, event: events.Click) -> None:
        end = self.gutter.left
        for name, title in self._in_sight():
            end += len(title) + _GAP
            if event.x < end:
                self.active = name
                break


class Surroundings(NamedTuple):
    """What the detail needs to know beside the record: the time, the local names of owners, this replica's address, and
    what was looked for, which is marked."""

    now: int
    owners: Mapping[str, str]
    address: str
    texts: Sequence[Text] = ()


class HistoryShown(NamedTuple):
    """A part of a record's history, the last arrived first.

    Attributes:
        newer, older: whether there are operations before and behind it.
        at: the place in the log of the one with the cursor.
    """

    entries: Sequence[HistoryEntry]
    newer: bool
    older: bool
    at: int | None


class LinksShown(NamedTuple):
    """What a record is to others.

    Attributes:
        sections: what stands above them, and the records. below, above: what it stands on, and what stands on it, over
            several links.
    """

    sections: Sequence[tuple[str, LinkPage]]
    below: Walk
    above: Walk

    @property
    def rows(self) -> list[Linked]:
        """All of them, as the cursor comes to them."""
        return [row for _, page in self.sections for row in page.rows]


class Shown(NamedTuple):
    """A record, what stands behind it, and the records beside it; None where it is not here."""

    entry: Entry | None
    behind: ManifestEntry | None
    near: Near | None


def read_shown(datastore: Datastore, record_id: str, kind: Kind) -> Shown:
    """A record as the detail shows it. Raises RegistryError."""
    entry = datastore.entry(record_id, kind)
    if entry is None:
        return Shown(None, None, None)
    behind = datastore.manifests.get(record_id)
    manifest = None if behind is None else behind.manifest
    return Shown(entry, behind, relations.read_near(datastore, record_id, entry.record, manifest))


class RecordDetail(Vertical):
    """Shows an Entry. While the next one is read it keeps the last, so that nothing flickers.

    In the history of the record a cursor walks its versions.
    """

    ALLOW_SELECT: ClassVar[bool] = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes="-nothing")
        self.entry: Entry | None = None
        self.behind: ManifestEntry | None = None
        self._near: Near | None = None
        # From the newest on, or where the cursor was put farther back from there on; `_more` that there are older ones.
        self._history: list[HistoryEntry] | None = None
        self._more = False
        self._at: int | None = None
        self._texts: Sequence[Text] = ()
        # Of an agent, None before they are read.
        self._models: Sequence[Model] | None = None
        # As they were read last, whether they are to be read again, and which of them has the cursor.
        self._links: LinksShown | None = None
        self._links_are_old = True
        self._link = 0
        self._head, self._tabs, self._body = Flow(id="detail-header"), TabLine(TABS), TextBody()

    def compose(self) -> ComposeResult:
        read_styles(self, _STYLES)
        yield from (self._head, self._tabs, self._body)

    def show(
        self,
        entry: Entry | None,
        behind: ManifestEntry | None = None,
        at: int | None = None,
        near: Near | None = None,
    ) -> None:
        """Show a record, or nothing.

        Args:
            behind: what stands behind it.
            near: the records beside it; without them it shows the ids of those that it names.
            at: the place in the log of the operation that the cursor comes to in its history; None leaves it.
        """
        before, self.entry = self.entry, entry
        same = before is not None and entry is not None and before.id == entry.id
        changed = not same or before is None or entry is None or before.heads != entry.heads
        changed |= _heads(self.behind) != _heads(behind)
        self.behind, self._near = behind, near
        if changed:
            self._models = None
        self._links_are_old = True
        if not same:
            self._at = None
            self._links, self._link = None, 0
        moved = at is not None and at != self._at
        self._at = self._at if at is None else at
        if changed or (moved and self._pointed is None):
            self._history = None
        self._refresh_texts()
        if not same:
            self._body.scroll_home(animate=False)
        elif moved:
            self._show_cursor()

    def mark(self, texts: Sequence[Text]) -> None:
        """Mark where what was looked for stands."""
        if tuple(texts) != tuple(self._texts):
            self._texts = texts
            self._refresh_texts()

    @flow(group="history", exclusive=True, background=True)
    async def _read_history(self, record_id: str) -> None:
        at = self._at
        found, more = await self._read_versions(record_id, None)
        if at is not None and not any(entry.place == at for entry in found):
            found, more = await self._read_versions(record_id, at + 1)
        if self.entry is not None and self.entry.id == record_id:
            self._history, self._more = found, more
            if found and self._pointed is None:
                self._at = found[0].place
            self._refresh_texts()
            self._show_cursor()

    @flow(group="history", exclusive=True, background=True)
    async def _read_older(self, record_id: str) -> None:
        """Go on behind the last version that is at hand, and put the cursor on the one after it."""
        known = self._history
        found, more = await self._read_versions(record_id, known[-1].place if known else None)
        if known is not None and known is self._history and found:
            known += found
            self._more, self._at = more, found[0].place
            self._refresh_texts()
            self._show_cursor()

    @flow(group="models", exclusive=True, background=True)
    async def _read_models(self, record_id: str) -> None:
        entry, behind = self.entry, self.behind
        if entry is None or entry.id != record_id:
            return
        manifest = None if behind is None else behind.manifest
        models = await read(_models_of, host_of(self).datastore, entry.record, manifest)
        if self.entry is entry and self.behind is behind:
            self._models = models
            self._refresh_texts()

    @flow(group="links", exclusive=True, background=True)
    async def _read_links(self, record_id: str) -> None:
        self._links_are_old = False
        shown = await read(_links_of, host_of(self).datastore, record_id)
        if self.entry is not None and self.entry.id == record_id:
            self._links = shown
            self._link = max(0, min(self._link, len(shown.rows) - 1))
            self._refresh_texts()

    @property
    def linked(self) -> Linked | None:
        """The record under the cursor of the links; None where they are not open."""
        rows = [] if self._links is None or self.tab != "links" else self._links.rows
        return rows[self._link] if rows else None

    @property
    def is_linked(self) -> bool:
        """Whether it names a record that is here, or one names it."""
        near = self._near
        if near is None:
            return False
        return any(end.presence == "live" for end in near.named.values()) or any(page.total for page in near.affected)

    async def _read_versions(self, record_id: str, before: int | None) -> tuple[list[HistoryEntry], bool]:
        found = await read(_read_operations, host_of(self).datastore, record_id, before)
        return found[:HISTORY_SHOWN], len(found) > HISTORY_SHOWN

    @property
    def version(self) -> int | None:
        """Where the version under the cursor stands in the log; None where the history is not open."""
        return self._at if self.tab == "history" and self._pointed is not None else None

    @property
    def is_of_manifest(self) -> bool:
        """Whether the operation under the cursor of the history wrote the manifest."""
        return self._history is not None and self._pointed is not None and of_manifest(self._history[self._pointed])

    def open_tab(self, name: str) -> None:
        """Open that tab."""
        self._tabs.active = name

    @property
    def _pointed(self) -> int | None:
        """Where the cursor is in the history; None where it is not read, or not there."""
        return next((place for place, entry in enumerate(self._history or ()) if entry.place == self._at), None)

    def walk(self, step: int) -> str:
        """Open the history, or move its cursor to an older version (1) or a newer one (-1); why not, if it cannot.
        Where the links are open, to the link before (1) or the next (-1): the key of what comes after is the same."""
        if self.tab == "links":
            rows = [] if self._links is None else self._links.rows
            self._link = max(0, min(self._link - step, len(rows) - 1))
            self._refresh_texts()
            self._show_cursor()
            return ""
        if self.tab != "history":
            self._tabs.active = "history"
            return ""
        if self._history is None or self.entry is None:
            return ""
        place = (self._pointed or 0) + step
        if 0 <= place < len(self._history):
            self._at = self._history[place].place
            self._refresh_texts()
            self._show_cursor()
        elif step < 0:
            return "this is the newest version here"
        elif self._more:
            self._read_older(self.entry.id)
        else:
            return "this is where its history begins"
        return ""

    def _shown_history(self) -> HistoryShown | None:
        """The versions around the cursor; None before they are read."""
        if self._history is None:
            return None
        start = max(0, (self._pointed or 0) - HISTORY_SHOWN // 2)
        entries = self._history[start : start + HISTORY_SHOWN]
        return HistoryShown(entries, start > 0, self._more or len(self._history) > start + len(entries), self._at)

    def _show_cursor(self) -> None:
        self.call_after_refresh(self._scroll_to_cursor)

    def _scroll_to_cursor(self) -> None:
        shown, width = self._shown_history(), self._body.text.content_size.width
        if self.tab == "links" and self._links is not None and width:
            _, places = link_lines(self._links, self._link, width)
            if places:
                self._body.scroll_to_region(Region(0, max(0, places[self._link] - 1), 1, 3), animate=False)
            return
        if self.tab != "history" or shown is None or self._pointed is None or not width:
            return
        top = int(shown.newer)
        for entry in shown.entries:
            height = len(version_lines(entry, self.around, width)) + 1
            if entry.place == self._at:
                self._body.scroll_to_region(Region(0, top, 1, height), animate=False)
                break
            top += height

    def turn(self, step: int) -> None:
        """To the next tab (1) or the one before (-1)."""
        self._tabs.turn(step)

    def focus_text(self) -> None:
        """Put the focus on the text, to scroll it."""
        self._body.focus()

    @property
    def tab(self) -> str:
        return self._tabs.active

    @on(TabLine.Turned)
    def _turned(self) -> None:
        # The screen hears of it too: what its keys do changes with the tab
        self._refresh_texts()
        self._body.scroll_home(animate=False)
        self._show_cursor()

    def on_mount(self) -> None:
        host = host_of(self)
        self.watch(host, "minute", self._time_went_by, init=False)
        self.watch(host, "facts", self._time_went_by, init=False)
        self.watch(host, "machine", self._time_went_by, init=False)
        self.watch(host, "tokens", self._time_went_by, init=False)

    def _time_went_by(self) -> None:
        if self.entry is not None:
            self._refresh_texts()

    def _refresh_texts(self) -> None:
        entry = self.entry
        self.set_class(entry is None, "-nothing")
        if entry is None:
            self._head.flow(_no_record)
            self._body.text.flow(_blank)
            return
        around = self.around
        self._head.flow(partial(header, entry, around, behind=self.behind, near=self._near))
        self._body.text.flow(self._text_of_tab(entry, around))
        if self.tab == "history" and self._history is None:
            self._read_history(entry.id)
        if self.tab == "fit" and self._models is None and entry.kind == "agent":
            self._read_models(entry.id)
        if self.tab == "links" and self._links_are_old:
            self._read_links(entry.id)

    def _text_of_tab(self, entry: Entry, around: Surroundings) -> Layout:
        tabs: dict[str, Layout] = {
            "overview": partial(overview, entry, around, near=self._near),
            "requirements": partial(requirements, entry, host_of(self).machine),
            "fit": partial(fitting, entry, self.behind, self._models, host_of(self).machine, host_of(self).tokens),
            "formfile": partial(formfile, entry),
            "sources": partial(sources, entry, self.behind, near=self._near),
            "links": partial(linked, self._links, self._link),
            "history": partial(history, entry.id, self._shown_history(), around),
            "proof": partial(proof, entry, self.behind, around),
        }
        return tabs[self.tab]

    @property
    def around(self) -> Surroundings:
        """What it knows beside the record."""
        host = host_of(self)
        facts = host.facts
        return Surroundings(
            now=host.now(),
            owners={} if facts is None else facts.owners,
            address="" if facts is None else facts.address,
            texts=self._texts,
        )


# The texts


def _heads(behind: ManifestEntry | None) -> tuple[str, ...]:
    return () if behind is None else behind.heads


def _models_of(datastore: Datastore, agent: Record, manifest: Record | None) -> list[Model]:
    """The models that an agent names."""

    def read_one(record_id: str) -> fitted.Named | None:
        entry = datastore.entry(record_id, "model")
        if entry is None:
            return None
        behind = datastore.manifests.get(record_id)
        return fitted.Named(entry.record, None if behind is None else behind.manifest)

    return fitted.models_of(agent, manifest, read_one)


def _read_operations(datastore: Datastore, record_id: str, before: int | None) -> list[HistoryEntry]:
    """The operations on a record and on its manifest, the last arrived first: one more than is shown."""
    most = HISTORY_SHOWN + 1
    found = [
        *datastore.history(record_id, limit=most, before=before),
        *datastore.manifests.history(record_id, limit=most, before=before),
    ]
    return sorted(found, key=lambda entry: entry.place, reverse=True)[:most]


def header(
    entry: Entry, around: Surroundings, width: int, behind: ManifestEntry | None = None, near: Near | None = None
) -> Content:
    """The lines above the tabs: whether it is still to be used, name, what it is, who signed it, and what is wrong with
    it. What stands here no tab says again."""
    record = entry.record
    stated = {row.path: row.text for row in fact_rows(record) if row.stated}
    name = safe_text(str(record["name"]), 200) or "(no name)"
    version = safe_text(str(record["version"]), 64)
    lines = list[Content]()
    manifest = None if behind is None else behind.manifest
    line = None if manifest is None else relations.status_among(manifest, entry.kind, near and near.named)
    if line is not None:
        lines += paragraph(f"! {line}", width, "bold $text-warning")
    style = "bold $text-primary" if line is None else "bold $foreground-muted"
    gap = f"{room_behind(name)}  "
    lines.append(Content.assemble(_marked(name, around, style), gap, (version, "$foreground-muted")))
    kind = Content.styled(kind_cell(entry.kind), _KINDS[entry.kind])
    what = filter(None, (stated.get(f"{entry.kind}_type"), stated.get("license", "no licence")))
    lines += paragraph(Content.assemble(kind, *(f" · {words}" for words in what)), width)
    owner = str(record["owner_id"])
    keys_so_called = sum(other == entry.owner_name for other in around.owners.values())
    said = "".join(f"; {said_by_domain(each, around.now)}" for each in entry.said_by[:_DOMAINS_TOLD])
    lines += field("owner", f"{address_short(owner)}, {signed_by(entry, keys_so_called)}{said}", width, 8)
    kept = [f"{STAR_MARK} starred by you"] if entry.starred else []
    if entry.note:
        kept.append(entry.note if _is_short(entry.note) else "your note stands below")
    if kept:
        lines += field("kept", safe_text("; ".join(kept)), width, 8)
    listed = [f"{counted(entry.problems)}, listed below"] if entry.problems else []
    for warning in (*warnings(entry, around.now), *listed, *_of_manifest(entry, behind)):
        lines += paragraph(f"! {warning}", width, "$text-warning")
    return stack(lines)


def _is_short(note: str) -> bool:
    """Whether a note stands in the header, and not in the overview."""
    return len(note) <= _SHORT_NOTE and "\n" not in note


_KINDS: Final = {"model": "bold $text-primary", "agent": "bold $text-accent"}
# Of the fields of a record these stand in the header.
_HEADED: Final = frozenset(("model_type", "agent_type", "license"))


def _of_manifest(entry: Entry, behind: ManifestEntry | None) -> list[str]:
    """What is to be known of a manifest beside what it says."""
    if behind is None:
        return []
    versions = len(behind.live_heads)
    settles = "its owner settles it" if not entry.mine else f"{action('record.conflict').footer_key} settles it"
    found = [f"{versions} versions of its manifest are live: {settles}"] if versions > 1 else []
    return found + ([f"{counted(behind.problems)} in its manifest, listed under Sources"] if behind.problems else [])


def counted(problems: Sequence[Problem]) -> str:
    """How many there are of what is wrong and of what is merely advised: `1 problem, 2 warnings`."""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    return ", ".join(plural(count, noun) for count, noun in counts if count)


def problems_in_words(entry: Entry | None, behind: ManifestEntry | None = None) -> tuple[str, Tone]:
    """That the record or its manifest is in conflict, else whose name its name looks like, else how many problems it
    has and what the worst of them is; empty for none."""
    if entry is not None and len(entry.live_heads) > 1:
        whose = "its owner settles it" if not entry.mine else "nothing is lost, and you settle it"
        key = action("record.conflict").footer_key
        return f"{len(entry.live_heads)} versions are live: {key} shows them, {whose}", "problem"
    if entry is not None and behind is not None and len(behind.live_heads) > 1:
        return f"in conflict: {_of_manifest(entry, behind)[0]}", "problem"
    if entry is not None and (told := remarks(str(entry.record["name"]), entry.like)):
        return f"{name_of(entry)}: {told[0]}", "problem"
    if entry is None or not entry.problems:
        return "", "note"
    first = min(entry.problems, key=lambda problem: problem.severity)  # an error before a warning
    tone: Tone = "problem" if first.severity == "error" else "note"
    return f"{counted(entry.problems)} in {name_of(entry)}: {first.path}: {first.sentence}", tone


def name_of(entry: Entry) -> str:
    """The record's name for a sentence: short, safe, quoted."""
    return f"“{safe_text(str(entry.record['name']), 60)}”"


def overview(entry: Entry, around: Surroundings, width: int, near: Near | None = None) -> Content:
    """Description, problems, and every field that the header does not tell and no tab is about."""
    record = entry.record
    description = str(record["description"])
    lines = markdown_lines(description, min(width, MEASURE), partial(_mark, around)) if description.strip() else []
    lines = lines or paragraph("No description.", width, "$foreground-muted")
    if entry.problems:
        only_advice = all(problem.severity == "warning" for problem in entry.problems)
        lines += heading("Warnings" if only_advice else "Problems")
        for problem in entry.problems:
            sign = "!" if problem.severity == "error" else "·"
            where = f"{safe_text(problem.path, 80)}: " if problem.path else ""
            lines += field(sign, f"{where}{safe_text(problem.sentence, 400)}", width, 2)
    if entry.note and not _is_short(entry.note):
        lines += heading("Your note")
        lines += paragraph(safe_text(entry.note, newlines=True), width)
    lines += heading("Record")
    facts = [row for row in fact_rows(record) if row.path not in _HEADED]
    if near is not None:
        facts = [*relations.with_names(facts, near.named), *relations.user_rows(near.affected)]
    for row in facts:
        text = _marked(row.text, around) if row.path in _LOOKED_IN else row.text
        lines += field(row.plain, text, width, _LABEL) if row.stated else []
    lines += _fields(time_rows(record, around.now), width)
    return stack([*lines, *_open(facts, width)])


def _open(rows: Sequence[Row], width: int) -> list[Content]:
    """What the record leaves open, on one line: nothing is said of it beside its name."""
    found = [row.plain for row in rows if not row.stated]
    return field("not stated", Content.styled(", ".join(found), "$foreground-muted"), width, _LABEL) if found else []


def requirements(entry: Entry, machine: Machine | None, width: int) -> Content:
    """What the record needs, as bars: the least, what is recommended, and what a machine has; then the rest in words.

    Args:
        machine: None before it is known: then nothing is compared.
    """
    amounts = fitted.demands(entry.record, machine)
    lines: list[Content] = []
    for amount in amounts:
        lines += [Content(""), *_bars(amount, width)] if lines else _bars(amount, width)
    told = {path for amount in amounts for path in amount.paths}
    alone = [row for row in requirement_rows(entry.record) if row.path not in told]
    stated = [row for row in alone if row.stated]
    lines += [Content(""), *_fields(stated, width)] if stated else []
    lines += [] if stated else [Content("")]
    units = paragraph(_UNITS, width, "$foreground-muted") if amounts and machine is not None else []
    return stack([*lines, *_open(alone, width), *units])


_UNITS: Final = "A GB is 1,024 MB in these, as records state it; Fit counts a GB as 10^9 bytes."


def _bars(amount: fitted.Demand, width: int) -> list[Content]:
    whole = max(bar.size for bar in amount.bars)
    room = min(_LONGEST_BAR, width - _LABEL - _WHOSE - _AMOUNT - 4)
    lines = []
    for number, bar in enumerate(amount.bars):
        style = "$text-warning" if bar.lacks else "$foreground-muted" if bar.whose else "bold"
        drawn_in = style if bar.whose else "$primary"
        line = Content.assemble(
            ((amount.label if number == 0 else "").ljust(_LABEL), "$foreground-muted"),
            (safe_text(bar.title, _WHOSE - 1).ljust(_WHOSE), "$foreground-muted"),
            ((f"! {bar.text}" if bar.lacks else bar.text).rjust(_AMOUNT + 2), style),
        )
        drawn = Content.assemble("  ", _bar(bar.size, whole, room, drawn_in)) if room > _LEAST_BAR else ""
        lines.append(Content.assemble(line, drawn))
    return lines


def _bar(size: int, whole: int, room: int, style: str) -> Content:
    """A bar of so many cells, as long as the size's share of the whole; what is more than nothing has one cell."""
    cells = min(room, max(1, round(size / whole * room))) if size and whole else 0
    return Content.assemble(("█" * cells, style), ("░" * (room - cells), "$panel"))


# Longer lines of prose are hard to read, and longer bars say no more.
MEASURE: Final = 88
_LEAST_BAR: Final = 5
_LONGEST_BAR: Final = 40


def fitting(
    entry: Entry,
    behind: ManifestEntry | None,
    models: Sequence[Model] | None,
    machine: Machine | None,
    tokens: int,
    width: int,
) -> Content:
    """Whether the record runs on a machine: the verdict, the formula with every number in it and bars, the machine.

    Args:
        models: of an agent; None before they are read.
        machine: None before it is known.
        tokens: of context.
    """
    key = action("record.machine").footer_key
    if machine is None:
        words = f"This machine is not known yet: {key} looks with the eyes of another."
        return stack(paragraph(words, width, "$foreground-muted"))
    manifest = None if behind is None else behind.manifest
    if entry.kind == "model":
        answer = fit.judge_model(entry.record, manifest, machine, tokens)
        lines = _verdict(answer.best.word, fitted.sentence(answer.best), width)
        lines += _formula(answer.best, width)
        others = [verdict for verdict in answer.each if verdict is not answer.best]
        lines += heading("Other forms") if others else []
        for verdict in others:
            lines += paragraph(f"{fitted.called(verdict.need)}: {fitted.sentence(verdict)}", width)
    elif models is None:
        return stack(paragraph("Reading its models…", width, "$foreground-muted"))
    else:
        agent = fit.judge_agent(models, machine, tokens)
        lines = _verdict(agent.word, fitted.agent_sentence(agent), width)
        for sentence in fitted.blocks(agent):
            lines += paragraph(f"! {sentence}", width, "$text-warning")
        lines += heading("Its models") if agent.models else []
        for model, verdicts in agent.models:
            said = "is not here" if verdicts is None else fitted.sentence(verdicts.best)
            lines += field(model.relation, f"{fitted.model_called(model)}: {said}", width, _LABEL)
        nearest = None if agent.best is None else agent.models[agent.best][1]
        lines += _formula(nearest.best, width) if nearest is not None else []
    lines += heading("Machine")
    name = safe_text(machine.name, 60) or "another machine"
    lines += paragraph(f"{name}; {key} looks with the eyes of another", width, "$foreground-muted")
    lines += _fields(fitted.machine_rows(machine), width)
    for note in machine.notes:
        lines += paragraph(f"! {note}", width, "$text-warning")
    return stack(lines)


_VERDICTS: Final = {"runs": "$text-success", "offload": "$text-warning", "no": "$text-error", "unknown": ""}


def _verdict(word: fit.Word, sentence: str, width: int) -> list[Content]:
    return paragraph(f"{sentence[:1].upper()}{sentence[1:]}", width, f"bold {_VERDICTS[word]}".rstrip())


def _formula(verdict: fit.Verdict, width: int) -> list[Content]:
    """What a need is made of: each addend with its share of the room, and below it how it comes about."""
    need, room = verdict.need, verdict.room
    lines = heading(f"Needed by {fitted.called(need)}, an estimate") if need.is_known else [Content("")]
    whole = max(need.total, 1 if room is None else room.size)
    bar_width = max(8, min(_LONGEST_BAR, width - _LABEL - _AMOUNT - 2))

    def line(label: str, size: int, style: str = "$primary") -> Content:
        return Content.assemble(
            (label.ljust(_LABEL), "$foreground-muted"),
            (fitted.size(size) if size else "-").rjust(_AMOUNT),
            "  ",
            _bar(size, whole, bar_width, style),
        )

    for part in fitted.parts(need):
        lines.append(line(part.label[:1].lower() + part.label[1 : _LABEL - 1], part.size))
        lines += paragraph(part.how, width, "$foreground-muted", 2)
    if need.is_known:
        lines.append(line("in all", need.total, f"bold {_VERDICTS[verdict.word] or '$primary'}"))
    if room is not None:
        lines.append(line("room", room.size, "$foreground-muted"))
        lines += paragraph(fitted.where(room), width, "$foreground-muted", 2)
    for remark in fitted.remarks(need):
        lines += field("!", remark, width, 2, "$text-warning")
    return lines


def formfile(entry: Entry, width: int) -> Content:
    """The Formfile template in the colours of its editor, with its line numbers, as signed (made safe to show)."""
    template = str(entry.record["formfile_template"])
    if not template.strip():
        return stack(paragraph("No Formfile template.", width, "$foreground-muted"))
    return stack(formfile_lines(template, width))


def sources(entry: Entry, behind: ManifestEntry | None, width: int, near: Near | None = None) -> Content:
    """What stands behind the record: its files, interfaces, lineage, results; what its owner left out is not listed,
    nor what the header says. Digests stand under Proof: they are looked for, not read."""
    manifest = None if behind is None else behind.manifest
    rows = [] if manifest is None else [row for row in manifest_rows(manifest) if row.stated]
    rows = rows if near is None else relations.with_names(rows, near.named)
    if behind is None or manifest is None or not rows:
        lines = paragraph("Its owner has not said where its files are.", width, "$foreground-muted")
        if entry.mine:
            lines += [Content(""), *paragraph(f"{action('record.edit').footer_key} edits it: Sources", width)]
        return stack(lines)
    if status(manifest) is None:
        # Of a record that is to be used no header tells why it is, or what replaces it.
        rows = [row for row in rows if row.path != "status"]
    else:
        rows = [row for row in rows if row.path not in _STATUS]
    lines, before = list[Content](), ""
    for row in _of_one_line(rows):
        name = row.path.partition("[")[0]
        lines += [Content("")] if before and name != before and {name, before} & _LISTS else []
        # Of a list only the first line has the label.
        lines += field(row.plain if name != before else "", _DIGEST.sub("", row.text), width, _LABEL)
        before = name
    if not rows:
        lines += paragraph("Its owner has not said where its files are.", width, "$foreground-muted")
    if behind.problems:
        lines += heading("Problems")
        for problem in behind.problems:
            sign = "!" if problem.severity == "error" else "·"
            lines += field(sign, f"{safe_text(problem.path, 80)}: {safe_text(problem.sentence, 400)}", width, 2)
    return stack(lines)


_STATUS: Final = frozenset(("status", "status_message", "superseded_by"))
_DIGEST: Final = re.compile(r", SHA-256 [0-9a-f]{64}$")


def proof(entry: Entry, behind: ManifestEntry | None, around: Surroundings, width: int) -> Content:
    """All that is compared and not read: ids, keys, the operations whose versions are live, digests; and who says that
    the key is whose."""
    owner = f"0x{safe_text(str(entry.record['owner_id']))}"
    key = Row("owner_id", "Key", owner)
    rows = [key if row.path == key.path else row for row in signature_rows(entry)]
    lines = _fields([*rows, *domain_rows(entry, around.now)[_DOMAINS_TOLD:]], width)
    if behind is None or behind.manifest is None:
        return stack(lines)
    manifest = behind.manifest
    lines += heading("Manifest")
    rows = [Row("", "Rival" if place else "Current", head) for place, head in enumerate(behind.live_heads)]
    said = manifest_rows(manifest)
    lines += _fields([*rows, *(row for row in said if row.stated and row.path == "superseded_by")], width)
    digests = [*_digests(manifest)]
    lines += heading("SHA-256") if digests else []
    for name, digest in digests:
        lines += paragraph(name, width, "$foreground-muted")
        lines += paragraph(digest, width, indent=2)
    return stack(lines)


def _digests(manifest: Record) -> Iterator[tuple[str, str]]:
    """What has a digest, and the digest: files, and what the record was made from."""
    for name, called in (("artifacts", "uri"), ("derived_from", "name")):
        items = manifest[name]
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item["sha256"] is not None:
                yield safe_text(str(item[called]), _LONGEST_URI) or "without a name", safe_text(str(item["sha256"]))


def linked(shown: LinksShown | None, at: int, width: int) -> Content:
    """What the record is to others, both ways, and below it as trees; None is shown as being read."""
    if shown is None:
        return stack(paragraph("Reading…", width, "$foreground-muted"))
    lines, _ = link_lines(shown, at, width)
    for title, walk, upwards in (("Stands on", shown.below, False), ("Stands below", shown.above, True)):
        if max(node.steps for node in walk.nodes) > 1:
            lines += heading(title)
            for line in relations.tree_lines(walk, upwards=upwards):
                lines += paragraph(line, width)
            lines += [part for cut in relations.cuts(walk) for part in paragraph(cut, width, "$foreground-muted")]
    found = [*relations.clashes(shown.below, upwards=False), *relations.clashes(shown.above, upwards=True)]
    if found:
        lines += heading("Licences that do not go together, as far as is known")
        for clash in dict.fromkeys(map(relations.clash_line, found)):
            lines += field("!", clash, width, 2, "$text-warning")
    return stack(lines)


_STATED: Final = frozenset(("Needs", "Prefers", "Derived from"))


def link_lines(shown: LinksShown, at: int, width: int) -> tuple[list[Content], list[int]]:
    """The records that it names and that name it, and the line of each; the cursor is on one."""
    if not shown.rows:
        return paragraph("It names no record, and no record here names it.", width, "$foreground-muted"), []
    after, before = key_of("record.newer"), key_of("record.older")
    keys = f"{after} goes to the next, {before} to the one before; enter opens it, backspace comes back"
    lines, places = paragraph(keys, width, "$foreground-muted"), list[int]()
    for title, page in shown.sections:
        if not page.rows:
            continue
        # Whose keys they are of says something of who names it, and nothing of what it names itself.
        count = exact(page.total) if title in _STATED else relations.counted(page)
        lines += heading(f"{title}  {count}")
        for row in page.rows:
            is_pointed = len(places) == at
            places.append(len(lines))
            upwards = title == "Derivatives"
            how = f"{relations.link_words(row, upwards=upwards)} " if row.relation is not None else ""
            told = relations.remarks(row)
            text = Content.assemble(
                (how, "$foreground-muted"),
                (relations.name_of(row), "bold" if row.presence == "live" else "$text-warning"),
                (f"  {told}" if told else "", "$foreground-muted"),
            )
            lines += field(">" if is_pointed else "", text, width, 2)
        if page.total > len(page.rows):
            lines += paragraph("and more: tui-registry dependants lists them", width, "$foreground-muted", 2)
    return lines, places


def _links_of(datastore: Datastore, record_id: str) -> LinksShown:
    links = datastore.links
    to = links.affected(record_id, _LINKS_SHOWN)
    sections = (
        ("Needs", links.needs(record_id)),
        ("Needed by", to.needs),
        ("Prefers", links.prefers(record_id)),
        ("Preferred by", to.prefers),
        ("Derived from", links.derived_from(record_id)),
        ("Derivatives", to.derived),
    )
    below, above = (
        links.walk(record_id, direction, _LEVELS_SHOWN, _TREE_SHOWN) for direction in ("lineage", "dependants")
    )
    return LinksShown(sections, below, above)


def _of_one_line(rows: Sequence[Row]) -> list[Row]:
    """The rows of a manifest, with the words of a list of words in one."""
    joined = list[Row]()
    for row in rows:
        name = row.path.partition("[")[0]
        if name in _WORDS and joined and joined[-1].path == name:
            joined[-1] = joined[-1]._replace(text=f"{joined[-1].text}, {row.text}")
        else:
            joined.append(row._replace(path=name) if name in _WORDS else row)
    return joined


_WORDS: Final = frozenset(("datasets", "languages"))
# Of a manifest these have a line for each item.
_LISTS: Final = frozenset(("artifacts", "interfaces", "derived_from", "required_models", "evaluations"))


def history(record_id: str, shown: HistoryShown | None, around: Surroundings, width: int) -> Content:
    """The record's operations, the last arrived first, each with what it changed; None is shown as being read."""
    if shown is None:
        return stack(paragraph("Reading…", width, "$foreground-muted"))
    lines = (
        [Content.styled(f"{key_of('record.newer')} goes on to the newer ones", "$foreground-muted")]
        if shown.newer
        else []
    )
    for entry in shown.entries:
        lines += [*version_lines(entry, around, width, pointed=entry.place == shown.at), Content("")]
    if shown.older:
        lines += paragraph(
            f"{key_of('record.older')} goes on to the earlier ones, as does tui-registry history {record_id[:12]}",
            width,
            "$foreground-muted",
        )
    return stack(lines)


def version_lines(entry: HistoryEntry, around: Surroundings, width: int, *, pointed: bool = False) -> list[Content]:
    """What an operation did, who signed it and when, when it came from whom, and what changed from what to what.

    Args:
        pointed: the cursor is on it.
    """
    stands = standing(entry)
    head = Content.assemble(
        ("> " if pointed else "  ", "bold $text-accent"),
        (f"{entry.did} manifest" if of_manifest(entry) else entry.did, "bold $text-accent" if pointed else "bold"),
        (f"  {stands}" if stands else "", "$text-success"),
        (f"  {moment(entry.updated_at, around.now)}", "$foreground-muted"),
    )
    lines = [*wrapped(head, width)]
    lines += paragraph(came_in_full(entry, around), width, "$foreground-muted", 2)
    for change in what_changed(entry):
        lines += paragraph(change, width, indent=2)
    return lines


def came_in_full(entry: HistoryEntry, around: Surroundings) -> str:
    """Who signed an operation and when, when it came from whom, and its hash."""
    return f"{came(entry, around.now, around.owners)} · clock {exact(entry.clock)} · {entry.hash[:12]}…"


def what_it_did(entry: HistoryEntry) -> str:
    """The deed, and how it stands by now, where that says something: `edited, a rival`."""
    stands, did = standing(entry), f"{entry.did} manifest" if of_manifest(entry) else entry.did
    return f"{did}, a rival that is live too" if stands == "rival" else did


# Of the facts of a record these are free text.
_LOOKED_IN: Final = ("tags", "capabilities", "tools")


def _marked(shown: str, around: Surroundings, style: str = "") -> Content:
    """A text in which what was looked for is told by its weight and a line, whatever the colours are."""
    return _mark(around, Content.styled(shown, style))


def _mark(around: Surroundings, content: Content) -> Content:
    if not around.texts:
        return content
    for start, end in query.found_in(content.plain, around.texts):
        content = content.stylize("bold underline", start, end)
    return content


def _fields(rows: Sequence[Row], width: int) -> list[Content]:
    return [line for row in rows for line in field(row.plain, row.text, width, _LABEL)]


def _no_record(width: int) -> Content:  # noqa: ARG001 - a Layout
    return Content.styled("No record under the cursor.", "$foreground-muted")


def _blank(width: int) -> Content:  # noqa: ARG001 - a Layout
    return Content("")

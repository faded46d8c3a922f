"""One change to several records: what it makes of each, which are left alone and why, and the words for it. The app
does it with what is marked, the command line with the ids or the search that it is given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from tui_registry.datastore import RecordChange, Together
from tui_registry.errors import Kind, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.text import exact, plural, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Body

# So many records are marked, or changed by one line, at most: each that is changed is one signed operation.
MOST: Final = 10_000
TOO_MANY: Final = f"more than {exact(MOST)} are found, and at most so many are taken at once: narrow the search"

_NAMED: Final = 8
_REASONS: Final = 5
_OTHERS: Final = "of other owners"
_CONFLICT: Final = "in conflict, which is to be settled first"
_SAME: Final = "so already"
_GONE: Final = "not here any more"


class Edit(NamedTuple):
    """What several records are to have: tags more, tags less, a licence; None leaves theirs."""

    tags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    licence: str | None = None

    @property
    def words(self) -> str:
        """What it does, to follow a verb's place: `add the tag rag, take away the tag old`."""
        said = []
        if self.tags:
            said.append(f"add the {_counted('tag', self.tags)}")
        if self.without:
            said.append(f"take away the {_counted('tag', self.without)}")
        if self.licence is not None:
            said.append(f"set the licence {safe_text(self.licence, 60)}")
        return " and ".join(said)

    @property
    def label(self) -> str:
        """What a batch of such changes is called."""
        what = "tags" * bool(self.tags or self.without), "licence" * (self.licence is not None)
        return f"change of {' and '.join(filter(None, what))}"

    def of(self, record: Record) -> Record:
        """The record with it."""
        changed = dict(record)
        if self.licence is not None:
            changed["license"] = self.licence
        if self.tags or self.without:
            had = record["tags"]
            before = [str(tag) for tag in had] if isinstance(had, list) else []
            kept = [tag for tag in before if tag not in self.without]
            changed["tags"] = [*kept, *(tag for tag in self.tags if tag not in kept)]
        return changed


class Left(NamedTuple):
    """A record that is left as it is, and why."""

    kind: Kind
    id: str
    name: str
    why: str


class Plan(NamedTuple):
    """What an edit makes of several records.

    Attributes:
        changes: one for each that is to be written, with the names in the same order.
        left: those that are left as they are.
    """

    edit: Edit
    changes: tuple[RecordChange, ...]
    names: tuple[str, ...]
    left: tuple[Left, ...]

    def together(self) -> Together:
        """What the writes of it are undone as."""
        return Together(f"{self.edit.label} of {plural(len(self.changes), 'record')}")

    @property
    def is_refused(self) -> bool:
        """Whether any record is left for another reason than that it says so already."""
        return any(one.why != _SAME for one in self.left)


def plan(
    edit: Edit,
    asked: Sequence[tuple[Kind, str, str]],
    bodies: Iterable[Body],
    own: str,
    check: Callable[[Kind, Record], Sequence[Problem]],
) -> Plan:
    """What an edit makes of records. Writes nothing.

    Args:
        asked: kind, id and name of each.
        bodies: of those that are here, as they are now.
        own: the address of this replica's key, 40 hex digits; empty before there is one.
        check: the authoring rules.
    """
    here = {body.id: body for body in bodies}
    changes: list[RecordChange] = []
    names: list[str] = []
    left: list[Left] = []
    for kind, identifier, name in asked:
        body = here.get(identifier)
        record: Record = {} if body is None else json.loads(body.record)
        why = _GONE if body is None else _OTHERS if not own or record["owner_id"] != own else ""
        if body is not None and not why:
            after = edit.of(record)
            if body.live > 1:
                why = _CONFLICT
            elif after == record:
                why = _SAME
            else:
                why = next((f"refused: {one.sentence}" for one in check(kind, after) if one.severity == "error"), "")
                if not why:
                    changes.append(RecordChange(kind, identifier, after, body.heads))
                    names.append(str(record["name"]))
        if why:
            left.append(Left(kind, identifier, str(record.get("name", name)), why))
    return Plan(edit, tuple(changes), tuple(names), tuple(left))


def question(planned: Plan) -> str:
    """The question before it is done: `Add the tag rag to 12 records of yours?`"""
    words = planned.edit.words
    return f"{words[:1].upper()}{words[1:]}: {plural(len(planned.changes), 'record')} of yours?"


def details(planned: Plan, take_back: str) -> list[str]:
    """Lines below the question: which they are, which are left alone, and how it is taken back."""
    named = [safe_text(name, 60) for name in planned.names[:_NAMED]]
    more = len(planned.names) - len(named)
    lines = [", ".join(named) + (f" and {exact(more)} more" if more else "")] if named else []
    lines += left_lines(planned)
    count = len(planned.changes)
    ops = "One signed operation" if count == 1 else f"{exact(count)} signed operations, one for each"
    lines.append(f"{ops}: the history keeps what was, and {take_back}.")
    return lines


def left_lines(planned: Plan) -> list[str]:
    """How many are left alone, a line for each of the most common reasons: a rule's may name what each record says."""
    lines = []
    # What is one's own first: a status line may have no room for more
    reasons = Counter(one.why for one in planned.left).most_common()
    reasons.sort(key=lambda reason: reason[0] == _OTHERS)
    for why, count in reasons[:_REASONS]:
        first = next(one for one in planned.left if one.why == why)
        named = f" ({safe_text(first.name, 40)})" if count == 1 else ""
        lines.append(
            f"{exact(count)} left alone, {'' if why.startswith('refused') else 'as '}{_said(why, count)}{named}"
        )
    others = sum(count for _, count in reasons[_REASONS:])
    return [*lines, f"{exact(others)} left alone for other reasons"] if others else lines


def nothing_to_do(planned: Plan) -> str:
    """Why nothing is to be written."""
    return f"nothing to change: {'; '.join(left_lines(planned)) or 'no record is named'}"


def done(planned: Plan, written: int) -> str:
    """What was done, once it is."""
    left = len(planned.left) + len(planned.changes) - written
    return f"{planned.edit.label}: {plural(written, 'record')}{f'; {exact(left)} left alone' if left else ''}"


def read_tags(text: str) -> Edit:
    """The tags that somebody wrote, separated by spaces or commas; those with a minus before them are taken away.

    Raises:
        ValueError: none are written, or one is both given and taken away; the sentence says so.
    """
    typed = text.replace(",", " ").split()
    tags = tuple(dict.fromkeys(tag.removeprefix("+") for tag in typed if not tag.startswith("-")))
    without = tuple(dict.fromkeys(tag[1:] for tag in typed if tag.startswith("-")))
    if not all((*tags, *without)) or not typed:
        raise ValueError("write tags to add, and with a minus those to take away: rag -old")
    both = next((tag for tag in tags if tag in without), None)
    if both is not None:
        raise ValueError(f"{safe_text(both, 40)} is to be added and taken away: write it once")
    return Edit(tags, without)


def common_tags(records: Iterable[Record]) -> list[tuple[str, int]]:
    """The tags that these records have, the most common first, each with how many have it."""
    found: Counter[str] = Counter()
    for record in records:
        tags = record["tags"]
        found.update(str(tag) for tag in (tags if isinstance(tags, list) else []))
    return sorted(found.items(), key=lambda tag: (-tag[1], tag[0]))


# How


def _counted(what: str, names: Sequence[str]) -> str:
    return f"{what}{'' if len(names) == 1 else 's'} {', '.join(safe_text(name, 40) for name in names)}"


def _said(why: str, count: int) -> str:
    if why.startswith("refused"):
        return safe_text(why, 200)
    if why == _OTHERS:
        return "it is another owner's" if count == 1 else "they are other owners'"
    return f"{'it is' if count == 1 else 'they are'} {why}"

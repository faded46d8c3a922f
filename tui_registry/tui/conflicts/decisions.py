"""What is decided of a conflict, and the record that comes of it. Pure: no widgets, no I/O.

A decision remembers what the versions said when it was made. Where a version that comes later says something else
there, the decision stands, and waits to be confirmed: nothing is signed over a value that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tui_registry.datastore import HistoryEntry, Versions
from tui_registry.errors import Json, Problem, Record
from tui_registry.frozen import NamedTuple
from tui_registry.present.version_words import letter
from tui_registry.records.merging import Difference, Item, choose, holders, items, merge, shape_of, value_at
from tui_registry.tui.kit.host import Decision
from tui_registry.tui.register.form_fields import field_at

# How a field stands: it needs a decision; one was made; one was made before a version came that says otherwise; no
# version differs from the others in a way that needs one.
State = Literal["open", "decided", "overtaken", "merged"]

ANCESTOR = -1


class FieldRow(NamedTuple):
    """A field of the screen: it differs, or is decided, or is wrong.

    Attributes:
        result: the value that would be signed.
        origin: whose that is: `A`, `A B`, `before` for the ancestor's, `merged`, `yours`; empty while it is open.
        says: a sentence about it.
        problems: what the authoring rules say of the result.
    """

    difference: Difference
    result: Json
    state: State
    origin: str
    says: str
    problems: tuple[Problem, ...]

    @property
    def path(self) -> str:
        return self.difference.path

    @property
    def waits(self) -> bool:
        """Whether nothing can be signed before somebody decides."""
        return self.state in ("open", "overtaken")

    @property
    def is_wrong(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


class Settling:
    """A conflict on its way to one version.

    Attributes:
        versions: as they were read last.
        decided: by the field's path.
        record: what would be signed as things stand.
        differences: the fields in which the versions differ, in the record's order.
    """

    def __init__(self, versions: Versions, decided: Mapping[str, Decision]) -> None:
        self.versions = versions
        self.decided: Mapping[str, Decision] = dict(decided)
        self._before: list[Mapping[str, Decision]] = [{}] if decided else []
        self._merge()

    # What there is

    @property
    def live(self) -> tuple[HistoryEntry, ...]:
        """The versions, the one that is shown first."""
        return self.versions.live

    @property
    def result(self) -> int:
        """The side on which the result stands, after the ancestor (-1) and the versions (from 0)."""
        return len(self.live)

    @property
    def base(self) -> Record | None:
        return self.versions.base

    @property
    def records(self) -> list[Record]:
        return [entry.record for entry in self.live if entry.record is not None]

    @property
    def waiting(self) -> list[str]:
        """The paths that need a decision, in the record's order."""
        return [found.path for found in self.differences if self._state(found) in ("open", "overtaken")]

    def rows(self, problems: Sequence[Problem] = ()) -> list[FieldRow]:
        """What differs, then what else was decided or is wrong."""
        by_path: dict[str, list[Problem]] = {}
        for problem in problems:
            field = field_at(self.versions.kind, problem.path)
            by_path.setdefault("" if field is None else field.path, []).append(problem)
        shown = {found.path: found for found in self.differences}
        wrong = [path for path, said in by_path.items() if path and any(one.severity == "error" for one in said)]
        for path in (*self.decided, *wrong):
            found = shown.get(path) or self._alike(path)
            if found.values[0] != value_at(self.record, path) or path in wrong:
                shown[path] = found
        return [self._row(found, by_path.get(path, ())) for path, found in shown.items()]

    def value(self, difference: Difference, side: int) -> Json:
        """What stands on a side of a field."""
        if side == ANCESTOR:
            return difference.base
        return value_at(self.record, difference.path) if side == self.result else difference.values[side]

    def items_of(self, difference: Difference) -> list[Item]:
        """The items of a list, with those that only the result has; the last of the places is the result's."""
        base = difference.base if difference.based else None
        return items(base, [*difference.values, self.value(difference, self.result)])

    def with_value(self, path: str, value: Json) -> Record:
        """The record as it stands, with that value in a field."""
        return choose(self.record, path, value)

    # What is decided

    def decide(self, values: Mapping[str, Json], *, afresh: bool = False) -> None:
        """Take these values; `afresh` forgets what was decided before. Can be undone."""
        known = {found.path: found for found in self.differences}
        taken = {path: Decision(value, (known.get(path) or self._alike(path)).values) for path, value in values.items()}
        self._before.append(self.decided)
        self.decided = taken if afresh else {**self.decided, **taken}
        self._merge()

    def take(self, difference: Difference, side: int) -> None:
        """Take what stands on that side of a field."""
        self.decide({difference.path: self.value(difference, side)})

    def take_side(self, side: int) -> None:
        """Take every field as that version, or the ancestor, has it, whatever was decided before."""
        self.decide({found.path: self.value(found, side) for found in self.differences}, afresh=True)

    def take_rest(self, place: int) -> int:
        """Take what still needs a decision as that version has it; returns how many fields."""
        waiting = self.waiting
        self.decide({found.path: found.values[place] for found in self.differences if found.path in waiting})
        return len(waiting)

    def toggle(self, difference: Difference, item: Json) -> None:
        """Put an item into the result's list, or take it out."""
        value = self.value(difference, self.result)
        now = list(value) if isinstance(value, list) else []
        if item in now:
            self.decide({difference.path: [kept for kept in now if kept != item]})
            return
        # After the nearest one that stands before it where it came from.
        order = [found.value for found in self.items_of(difference)]
        before = [now.index(kept) for kept in order[: order.index(item)] if kept in now]
        now.insert(max(before, default=-1) + 1, item)
        self.decide({difference.path: now})

    def undo(self) -> bool:
        """Take the last decision back; False where there is none."""
        if not self._before:
            return False
        self.decided = self._before.pop()
        self._merge()
        return True

    def update(self, versions: Versions) -> None:
        """The record moved: merge again, and keep what was decided."""
        self.versions = versions
        self._merge()

    # How

    def _merge(self) -> None:
        merged = merge(self.base, self.records, {path: found.value for path, found in self.decided.items()})
        self.record, self.differences = merged.record, merged.differences

    def _alike(self, path: str) -> Difference:
        """A field in which all versions are equal."""
        values = tuple(value_at(record, path) for record in self.records)
        base = None if self.base is None else value_at(self.base, path)
        return Difference(path, shape_of(path), base, self.base is not None, values, values[0], open=False)

    def _state(self, difference: Difference) -> State:
        decision = self.decided.get(difference.path)
        if decision is None:
            return "open" if difference.open else "merged"
        # A version that has the ancestor's value says nothing about the field.
        told = (value for value in difference.values if not difference.based or value != difference.base)
        return "decided" if all(value in decision.seen for value in told) else "overtaken"

    def _row(self, difference: Difference, problems: Iterable[Problem]) -> FieldRow:
        state = self._state(difference)
        result = self.value(difference, self.result)
        origin = "" if state == "open" else self._origin(difference, result)
        return FieldRow(difference, result, state, origin, self._says(difference, state, origin), tuple(problems))

    def _origin(self, difference: Difference, result: Json) -> str:
        if having := holders(self.record, difference):
            # All of them: nothing differs here, and it is somebody's own value only where it was written.
            return " ".join(map(letter, having)) if len(having) < len(self.live) else "all"
        if difference.based and result == difference.base:
            return "before"
        return "yours" if difference.path in self.decided and difference.shape != "list" else "merged"

    def _says(self, difference: Difference, state: State, origin: str) -> str:
        changed = [
            letter(place)
            for place, value in enumerate(difference.values)
            if not difference.based or value != difference.base
        ]
        match state:
            case "open":
                who = "all" if len(changed) == len(self.live) > 2 else " and ".join(changed)
                return f"{who} changed it" if difference.based else "nothing says which of them is newer"
            case "overtaken":
                return "decided before a version came that says something else here: take one again"
            case "decided":
                return {
                    "yours": "a value of your own", "before": "as it was before", "merged": "items of your choice",
                }.get(origin, f"taken from {origin}")  # fmt: skip
        if all(value == difference.values[0] for value in difference.values):
            return "all versions say the same"
        if len(changed) == 1:
            return f"only {changed[0]} changed it"
        return "merged by item" if difference.shape == "list" else f"{' and '.join(changed)} changed it alike"

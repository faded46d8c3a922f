"""Two people, one record: which fields each side changed since both saw the same, and one form of both. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tui_registry.errors import Kind
from tui_registry.tui.register.fields import FormField, form_fields
from tui_registry.tui.register.texts import Texts, same_value

Side: TypeAlias = Literal["theirs", "mine"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that reads otherwise on the two sides.

    Attributes:
        base: what both began with; mine, theirs: the texts now.
        both: both sides changed it, so one of the two texts is lost by any choice.
        proposed: the side that changed it; mine when both did.
    """

    field: FormField
    base: str
    mine: str
    theirs: str
    both: bool
    proposed: Side


def differences(
    kind: Kind, base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]
) -> list[Difference]:
    """The fields that read otherwise in `mine` and `theirs`, in the order of the form."""
    found = []
    for field in form_fields(kind):
        began, ours, other = base[field.path], mine[field.path], theirs[field.path]
        if same_value(field, ours, other):
            continue
        they_did = not same_value(field, began, other)
        we_did = not same_value(field, began, ours)
        proposed: Side = "mine" if we_did else "theirs"
        found.append(Difference(field, began, ours, other, they_did and we_did, proposed))
    return found


def changed_by_them(found: list[Difference]) -> list[Difference]:
    """Those that need a look: what the other side changed. Fields that only this form changed stay as they are."""
    return [difference for difference in found if not same_value(difference.field, difference.base, difference.theirs)]


def merged(mine: Mapping[str, str], theirs: Mapping[str, str], choices: Mapping[str, Side]) -> Texts:
    """My texts, with theirs in the fields where they were chosen."""
    return {path: theirs[path] if choices.get(path) == "theirs" else text for path, text in mine.items()}

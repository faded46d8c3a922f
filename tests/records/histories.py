"""Versions of a record for tests: what they were made from, and what each of them changed."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.tui.form_records import values_of
from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records import defaults
from tui_registry.records.merging import Piece, choose, paths, shape_of
from tui_registry.records.schema import FIELDS, FieldType, Struct

# Few, so that versions often agree, repeat an item and put the same ones in another order
ITEMS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6).map(list[Json])
_VARIANTS: list[Json] = ["LLM", "Embedding", {"Other": "LLM"}]
LEAVES: dict[Kind, dict[str, FieldType]] = {
    kind: {
        f"{field.name}.{leaf.name}" if isinstance(field.type, Struct) else leaf.name: leaf.type
        for field in FIELDS[kind]
        for leaf in (field.type.fields if isinstance(field.type, Struct) else (field,))
    }
    for kind in KINDS
}


def some(kind: Kind, path: str) -> st.SearchStrategy[Json]:
    """A value of that field."""
    if shape_of(path) == "list":
        return st.lists(st.sampled_from(_VARIANTS), max_size=4) if path == "compatible_model_types" else ITEMS
    return values_of(LEAVES[kind][path])


class History(NamedTuple):
    """Versions of a record, and what they were made from."""

    kind: Kind
    base: Record
    versions: list[Record]


@st.composite
def histories(draw: st.DrawFn, most: int = 4) -> History:
    """A record, and one to `most` versions of it that changed some fields: some the same, some differently."""
    kind = draw(st.sampled_from(KINDS))
    base = defaults(kind)
    versions = [defaults(kind) for _ in range(draw(st.integers(1, most)))]
    for path in draw(st.lists(st.sampled_from(paths(kind)), unique=True, max_size=6)):
        written = draw(st.lists(some(kind, path), min_size=1, max_size=3))
        base = choose(base, path, written[0])
        versions = [choose(version, path, draw(st.sampled_from(written))) for version in versions]
    return History(kind, base, versions)


def before_of(pieces: list[Piece]) -> str:
    """The text that the pieces tell of as it was."""
    return "".join(piece.text for piece in pieces if piece.sign != "+")


def after_of(pieces: list[Piece]) -> str:
    """The text that the pieces tell of as it is."""
    return "".join(piece.text for piece in pieces if piece.sign != "-")

"""Records for the tests of the forms: any that has the right shape, strange texts included."""

from __future__ import annotations

from hypothesis import strategies as st

from tui_registry.errors import KINDS, Json, Kind, Record
from tui_registry.records import schema
from tui_registry.records.schema import FIELDS, FieldType


@st.composite
def records(draw: st.DrawFn) -> tuple[Kind, Record]:
    """A kind and a record of its shape."""
    kind = draw(st.sampled_from(KINDS))
    return kind, {field.name: draw(values_of(field.type)) for field in FIELDS[kind]}


def values_of(of: FieldType) -> st.SearchStrategy[Json]:
    """What a field of that type may hold."""
    match of:
        case schema.Text():
            return st.text(max_size=12) | st.sampled_from(HOSTILE)
        case schema.Integer():
            return st.integers(of.least, of.most) | st.integers(max(of.least, 0), min(of.most, 2000)).map(
                lambda number: min(number * 1000, of.most)
            )
        case schema.Flag():
            return st.booleans()
        case schema.Variant():
            return st.sampled_from(of.names) | st.text(max_size=12).map(lambda text: {"Other": text})
        case schema.Optional():
            return st.none() | values_of(of.of)
        case schema.Many():
            return st.lists(values_of(of.of), max_size=4)
        case schema.Struct():
            return st.fixed_dictionaries({field.name: values_of(field.type) for field in of.fields})


HOSTILE = (
    "[/x]",
    "[@click=app.quit]x[/]",
    "\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe\u202c",
    "a\u0301\u0302\u0303\u0304\u0305\u0306",
    "$(reboot) `x` {0} %s \\",
    "Other:LLM",
    '"quoted", and more',
    "line\r\nline\ttab",
    "👩‍👩‍👧 family \u200b zero",
)

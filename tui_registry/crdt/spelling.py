"""JSON as serde_json reads and prints it, through the very library: pydantic-core stands on it.

Imported where operations are read or made, not before: lists and the first frame have no need of it.
"""

from __future__ import annotations

from pydantic_core import PydanticSerializationError, from_json, to_json

from tui_registry.errors import Json


def decode(data: bytes) -> Json:
    """The JSON value in these bytes.

    Raises:
        ValueError: not UTF-8, not JSON (NaN and its like are not), nested too deeply, or a lone surrogate.
    """
    value: Json = from_json(data, allow_inf_nan=False, cache_strings="keys")
    return value


def spell(value: Json) -> bytes:
    """The value's one spelling: no white space, members in their order, only what must be escaped escaped.

    Raises:
        ValueError: it holds a lone surrogate.
    """
    try:
        return to_json(value)
    except PydanticSerializationError as error:
        raise ValueError(str(error)) from None

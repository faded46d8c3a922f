"""Looking into JSON of strangers: the value if it is of the type that is hoped for, else nothing of that type."""

from __future__ import annotations

from collections.abc import Mapping

from tui_registry.errors import Json


def text_at(value: Mapping[str, Json], *keys: str) -> str:
    """The first of these that is text with something in it, trimmed."""
    for key in keys:
        text = value.get(key)
        if isinstance(text, str) and text.strip():
            return text.strip()
    return ""


def texts_at(value: Mapping[str, Json], key: str) -> list[str]:
    """The text in a list."""
    items = value.get(key)
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def object_at(value: Mapping[str, Json], *keys: str) -> dict[str, Json]:
    """The first of these that is an object."""
    for key in keys:
        inner = value.get(key)
        if isinstance(inner, dict):
            return inner
    return {}


def objects_at(value: Mapping[str, Json], *keys: str) -> list[dict[str, Json]]:
    """The objects in the first of these that is a list."""
    for key in keys:
        items = value.get(key)
        if isinstance(items, list):
            return [item for item in items if isinstance(item, dict)]
    return []

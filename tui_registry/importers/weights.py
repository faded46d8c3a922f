"""Files of weights -> findings, with what a model card beside them adds."""

from __future__ import annotations

from pathlib import Path

from tui_registry.errors import Kind
from tui_registry.importers.card import Card, read_card
from tui_registry.importers.card_values import put_card
from tui_registry.importers.documents import Finding
from tui_registry.importers.drafting import Draft
from tui_registry.importers.errors import SourceError
from tui_registry.importers.foreign import finding_of
from tui_registry.importers.gguf import read_gguf
from tui_registry.importers.huggingface import CARD, is_model_folder, read_model_folder
from tui_registry.importers.safetensors import read_safetensors


def read_weights_file(path: Path, form: str, kind: Kind | None) -> Finding:
    """The finding of a GGUF or safetensors file, or of the index of several. Nothing is raised.

    Args:
        form: `gguf`, `safetensors` or `index`.
        kind: what it must be, None for anything.
    """
    if form != "gguf" and is_model_folder(path.parent):
        # The configuration beside it says far more, and the folder is one model.
        return finding_of(lambda: read_model_folder(path.parent), str(path.parent), kind)
    card = card_beside(path)

    def read() -> Draft:
        draft = read_gguf(path) if form == "gguf" else read_safetensors(path)
        if card is not None:
            put_card(draft, card)
        return draft

    return finding_of(read, str(path), kind)


def card_beside(path: Path) -> Card | None:
    """The model card in the same folder, if there is one that can be read."""
    try:
        beside = path.parent / CARD
        return read_card(beside) if beside.is_file() else None
    except (SourceError, OSError):
        return None

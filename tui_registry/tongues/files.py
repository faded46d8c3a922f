"""A catalog, and the cards that it leads to, as files that a web server offers: what a node says, byte for byte but for
the address of its page about itself, which a server of files has not."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tui_registry.datastore import SEARCH_WORK, Datastore
from tui_registry.durable import drafted, make_folder, sweep
from tui_registry.errors import RegistryError, system_reason
from tui_registry.text import safe_text
from tui_registry.tongues.a2a_card import EXTENSION, read_card
from tui_registry.tongues.ai_catalog import MARK, PARTS, WELL_KNOWN, card_path, path_of, read_part, site_at


class CatalogError(RegistryError):
    """A catalog that could not be written: code `unwritable`, or `foreign_file`: what is in its place is of others."""


@dataclass(slots=True)
class WrittenCatalog:
    """A catalog that is up to date.

    Attributes:
        records, catalogs, cards: that there are. written, bytes: files that are new or changed, and their bytes.
        removed: files of records that are not in it any more.
    """

    records: int = 0
    catalogs: int = 0
    cards: int = 0
    written: int = 0
    bytes: int = 0
    removed: int = 0
    paths: set[str] = field(default_factory=set)


def write_catalog(
    datastore: Datastore, directory: str, url: str, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> WrittenCatalog:
    """Write what a node says at `/.well-known/ai-catalog.json` and behind it, below a directory that a server offers
    at that address. What is there already stays as it is; what a file leads to is there before it.

    Raises:
        CatalogError: the directory cannot be written, or a file of others is in the place of one of the catalog's.
        StoreError: `interrupted`.
    """
    root, site = Path(directory), site_at(datastore, url, is_public=True, is_node=False)
    done = WrittenCatalog()
    of = datastore.stats().records

    def write(prefix: str) -> None:
        part = read_part(datastore, site, prefix, work=SEARCH_WORK)
        for below in part.divided:
            write(below)
        for agent in part.agents:
            card = read_card(datastore, agent)
            if card is not None:  # deleted meanwhile: the next time it is not led to
                _write_anew(root, card_path(agent), card, _OWN_CARD, done)
                done.cards += 1
        _write_anew(root, path_of(prefix), part.body, _OWN_PART, done)
        done.catalogs += 1
        done.records += part.records
        progress(done.records, of)

    try:
        # It is written last: what may not be written in the end is not begun.
        _expect_own(root / WELL_KNOWN, _OWN_PART)
        make_folder(root, 0o777)
        write("")
        sweep((root / WELL_KNOWN).parent)
        for folder, name in ((root / PARTS, _PART), (root / "agents", _CARD)):
            if folder.is_dir():
                _remove_others(root, folder, name, done)
    except OSError as error:
        raise _unwritable(root, error) from None
    return done


# What `write_catalog` names its files, and how they are told from those of others that are called so.
_PART = re.compile(r"[0-9a-f]{1,64}\.json", re.ASCII)
_CARD = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OWN_PART = re.compile(rb'\A\{"specVersion":"[^"]*",' + re.escape(MARK))
_OWN_CARD = re.compile(f'"uri":"{EXTENSION}"'.encode())
# Bytes of a file that are looked at for it: a catalog begins so, a card has it behind its description and interfaces.
_LOOKED_AT = {_OWN_PART: 256, _OWN_CARD: 2 * 1024 * 1024}


def _is_own(file: Path, own: re.Pattern[bytes]) -> bool:
    with file.open("rb") as opened:
        return own.search(opened.read(_LOOKED_AT[own])) is not None


def _expect_own(file: Path, own: re.Pattern[bytes]) -> None:
    """Refuse to write in the place of what others put there. An empty file, as a power cut leaves one, is no loss."""
    if file.is_file() and file.stat().st_size and not _is_own(file, own):
        raise CatalogError(
            "foreign_file",
            f"{safe_text(str(file))} was not written by tui-registry, and the catalog would take its place: move it "
            "away, or name another directory",
        )


def _write_anew(root: Path, path: str, data: bytes, own: re.Pattern[bytes], done: WrittenCatalog) -> None:
    done.paths.add(path)
    file = root / path
    with suppress(FileNotFoundError, NotADirectoryError):
        if file.stat().st_size == len(data) and file.read_bytes() == data:
            return
    try:
        _expect_own(file, own)
        make_folder(file.parent, 0o777)
        # Made anew by the next run, if a power cut should spoil it.
        with drafted(file, data, 0o666, on_disk=False) as draft:
            draft.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from None
    done.written += 1
    done.bytes += len(data)


def _unwritable(path: Path, error: OSError) -> CatalogError:
    said = f"{safe_text(str(path))} cannot be written: {system_reason(error)}. What was written is whole: run it again"
    return CatalogError("unwritable", said)


def _remove_others(root: Path, folder: Path, name: re.Pattern[str], done: WrittenCatalog) -> None:
    sweep(folder)
    for found in sorted(folder.iterdir()):
        file, own = (found, _OWN_PART) if name is _PART else (found / "agent-card.json", _OWN_CARD)
        if name.fullmatch(found.name) is None:
            continue
        if file != found:
            sweep(found)
        if file.relative_to(root).as_posix() in done.paths:
            continue
        if file.is_file():
            if not _is_own(file, own):
                continue
            file.unlink()
            done.removed += 1
        if file != found:
            with suppress(OSError):  # something else is in it
                found.rmdir()

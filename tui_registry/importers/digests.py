"""The SHA-256 of files on this machine, such as those that a manifest names: read once, a piece at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tui_registry.errors import Json, Record
from tui_registry.importers.untrusted import SourceError, opened
from tui_registry.present.imports import Finding
from tui_registry.text import safe_text

_AT_ONCE = 1 << 20


def with_digests(finding: Finding, tell: Callable[[int, int], None]) -> Finding:
    """The finding with the digest of each of its files that nothing states. What cannot be read, or changes while it is
    read, has none, and a note says so.

    Args:
        tell: is told how many bytes are read, and of how many; whoever wants to stop raises.
    """
    if not finding.files or not isinstance(finding.manifest, dict):
        return finding
    notes: list[str] = []
    found: dict[str, tuple[str, int]] = {}
    sizes = {uri: _size(path) for uri, path in finding.files.items()}
    done, of = 0, sum(sizes.values())
    for uri, path in finding.files.items():
        begun = done

        def further(count: int, begun: int = begun) -> None:
            tell(begun + count, of)

        try:
            found[uri] = digest_of(path, further)
        except (SourceError, OSError) as error:
            said = error.sentence if isinstance(error, SourceError) else f"it cannot be read ({error.strerror})"
            notes.append(f"{safe_text(uri, 120)} has no digest: {said}")
        done += sizes[uri]
    return replace(
        finding,
        manifest=_with(finding.manifest, found),
        notes=(*finding.notes, *notes),
        files={uri: path for uri, path in finding.files.items() if uri not in found},
    )


def files_in(path: Path) -> Iterator[Path | OSError]:
    """The files of a folder and its folders in the order of their names, and what lies among them that is none; of
    anything but a folder that alone. Links to folders are not followed. In the place of a folder that cannot be read
    is why: the others are still gone through.
    """
    # No call in a call: folders lie in each other as deep as a stranger packs them.
    waiting = [(path, _leads_to_folder(path))]
    while waiting:
        found, is_folder = waiting.pop()
        if not is_folder:
            yield found
            continue
        try:
            with os.scandir(found) as entries:
                below = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            yield error
            continue
        waiting += [
            (found / name, is_folder)
            for name, is_folder in reversed(below)
            if is_folder or not _leads_to_folder(found / name)
        ]


def _leads_to_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # what hinders is told when it is read
        return False


def digest_of(path: Path, further: Callable[[int], None]) -> tuple[str, int]:
    """The SHA-256 of a file in hex, and its size in bytes.

    Args:
        further: is told how many bytes are read; whoever wants to stop raises.

    Raises:
        SourceError, OSError: it cannot be read, or changed meanwhile.
    """
    digest, size = hashlib.sha256(), 0
    with opened(path) as file:
        before = os.fstat(file.fileno())
        further(0)
        while piece := file.read(_AT_ONCE):
            digest.update(piece)
            size += len(piece)
            if size > before.st_size:
                break  # it grows, and may never end
            further(size)
        after = os.fstat(file.fileno())
    now = path.stat()  # which is another's where the file was replaced
    if (
        (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
        or size != after.st_size
        or not os.path.samestat(after, now)
    ):
        raise SourceError("it changed while it was read: do this again once it is whole")
    return digest.hexdigest(), size


def _with(manifest: Record, found: Mapping[str, tuple[str, int]]) -> Record:
    files = manifest["artifacts"]

    def known(item: Json) -> Json:
        if not isinstance(item, dict) or str(item["uri"]) not in found:
            return item
        digest, size = found[str(item["uri"])]
        return {**item, "sha256": digest, "size_bytes": size}

    return {**manifest, "artifacts": [known(item) for item in files] if isinstance(files, list) else files}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

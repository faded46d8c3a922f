"""Versions as others write them -> SemVer, where they leave no doubt."""

from __future__ import annotations

import re

from tui_registry.importers.drafting import Draft, shown
from tui_registry.records.authoring import version_fault

# `v1.2`, `1`, `1.2.0-rc.1`: numbers that only lack a part. Dates and names are another matter.
_SHORT = re.compile(
    r"v?([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:\.([0-9]{1,4}))?([-+][0-9A-Za-z.+-]+)?", re.ASCII | re.IGNORECASE
)


def put_version(draft: Draft, version: str, origin: str) -> None:
    """Give the draft its version; one that is no SemVer and cannot be completed is left out, with a note."""
    version = version.strip()
    if not version or draft.has("version"):
        return
    if version_fault(version) is None:
        draft.put("version", version, origin)
        return
    match = _SHORT.fullmatch(version)
    if match is not None:
        whole = ".".join(str(int(part or "0")) for part in match.group(1, 2, 3)) + (match[4] or "")
        if version_fault(whole) is None:
            draft.put("version", whole, f"{origin}, where it is {shown(version)}")
            return
    draft.note(f"the version {shown(version)} is not SemVer, so the draft has the default ({origin})")

"""The versions that may follow one (SemVer 2.0.0, https://semver.org)."""

from __future__ import annotations

from dataclasses import dataclass

from tui_registry.records.authoring import version_fault

_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is patch, minor or major; `version` what it leads to, `says` when it is the right one; `key` picks it."""

    key: str
    name: str
    version: str
    says: str


def next_versions(version: str) -> list[Step]:
    """The next patch, minor and major version; of a pre-release, the release that it leads to counts as a patch.

    None for what is not SemVer, or has no room for a larger number.
    """
    if version_fault(version) is not None:
        return []
    from semver import Version

    parsed = Version.parse(version)
    steps = [Step(key, name, str(parsed.next_version(name)), says) for key, name, says in _SAYS]
    return [step for step in steps if len(step.version) <= _LONGEST]


_SAYS = (
    ("p", "patch", "corrections, nothing else changes"),
    ("m", "minor", "more than before, what worked works"),
    ("M", "major", "what worked may not work any more"),
)

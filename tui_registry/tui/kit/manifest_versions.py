"""A manifest of which several versions are live: its owner says which one holds."""

from __future__ import annotations

from typing import TypeVar

from tui_registry.present.amounts import moment
from tui_registry.present.version_words import change_lines, letter
from tui_registry.text import safe_text
from tui_registry.tui.kit.dialogs import Choice, ChooseScreen
from tui_registry.tui.kit.flows import FlowScreen, Part
from tui_registry.tui.kit.signing import sign

Answer = TypeVar("Answer")

_NONE = "none"
_MOST = 9
_CHANGES = 3


async def choose_manifest(holder: FlowScreen[Answer] | Part, record_id: str) -> bool:
    """Ask which version of the manifest of a record of one's own holds, and sign that. A step of a flow.

    Returns:
        Whether it is settled; what came of it is said.
    """
    datastore = holder.datastore
    behind = await holder.read(datastore.manifests.get, record_id)
    versions = await holder.read(datastore.manifests.versions, record_id)
    if behind is None or len(versions) < 2:
        holder.say("one version of the manifest is live: there is nothing to settle")
        return False
    screen = holder.screen if isinstance(holder, Part) else holder
    now, first = screen.host.now(), versions[0].record
    shown = versions[:_MOST]
    lines, choices = list[str](), list[Choice]()
    for place, version in enumerate(shown):
        name = letter(place)
        changes = change_lines(first, version.record)[:_CHANGES] or ["it is the one that is shown"]
        lines += [f"{name}: {'; '.join(changes)}"]
        when = f"written {moment(version.updated_at, now)}"
        choices.append(Choice(name.lower(), version.hash, f"Version {name}, {version.hash[:12]}", when))
    choices.append(Choice("x", _NONE, "None of them", "the record keeps no manifest"))
    name = "" if first is None else safe_text(str(first["subject_name"]), 60)
    question = f"Which version of the manifest of “{name}” holds?"
    chosen = await holder.ask(ChooseScreen(question, choices, "\n".join(lines)))
    if chosen is None:
        holder.say("not settled: all versions are kept")
        return False
    manifest = next((version.record for version in shown if version.hash == chosen), None)
    await sign(holder, datastore.manifests.resolve, record_id, manifest, behind.heads)
    how = "is as you chose" if manifest is not None else "is gone"
    holder.say(f"settled: the manifest {how}", "done")
    return True

"""`fit`: whether a record runs on this machine, or on another."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui_registry import fit
from tui_registry.cli.output import note, out, out_json
from tui_registry.cli.registry import Registry, asking, find_with_manifest, machine_in, open_either
from tui_registry.errors import Json
from tui_registry.present import fit_words as words
from tui_registry.present.amounts import bar
from tui_registry.text import exact, safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Entry, ManifestEntry

_LABEL = 22
_SIZE = 9
_BAR = 24


def fits(args: Namespace) -> int:
    """Say whether the record runs, and all that the answer is made of."""
    with open_either(args) as registry:
        entry, beside = find_with_manifest(registry, args.id)
        machine = machine_in(args, registry)
        told, _, lines = judge(registry, entry, beside, machine, args.context, args.cache)
        if args.json:
            out_json(told)
            return 0
        name = f"{safe_text(str(entry.record['name']))}  {safe_text(str(entry.record['version']))}"
        out(f"{name}  ({entry.kind}), {exact(args.context)} tokens of context")
        out(words.machine_line(machine))
        out()
        for line in lines:
            out(asking(registry, line))
    for sentence in machine.notes:
        note(sentence)
    return 0


def judge(
    registry: Registry, entry: Entry, beside: ManifestEntry | None, machine: fit.Machine, context: int, cache: str
) -> tuple[dict[str, Json], str, Iterator[str]]:
    """Whether a record runs on a machine: for programs, as a sentence, and in all its lines.

    Args:
        context: tokens. cache: how the values of the cache are kept (`fit.width_of`).
    """
    manifest = None if beside is None else beside.manifest
    told: dict[str, Json] = {
        "kind": entry.kind,
        "id": entry.id,
        "name": entry.record["name"],
        "context": context,
        "machine": words.machine_json(machine),
    }
    if entry.kind == "model":
        answer = fit.judge_model(entry.record, manifest, machine, context, cache)
        return told | words.answer_json(answer), words.sentence(answer.best), _model_lines(answer, machine)
    models = words.models_of(entry.record, manifest, lambda identifier: _read(registry, identifier))
    agent = fit.judge_agent(models, machine, context, cache)
    return told | words.agent_json(agent), words.agent_sentence(agent), _agent_lines(agent)


# How


def _read(registry: Registry, identifier: str) -> words.Named | None:
    entry = registry.entry(identifier, "model")
    if entry is None:
        return None
    beside = registry.manifests.get(identifier)
    return words.Named(entry.record, None if beside is None else beside.manifest)


def _model_lines(answer: fit.Answer, machine: fit.Machine) -> Iterator[str]:
    best = answer.best
    yield words.sentence(best)
    yield ""
    yield from _need_lines(best)
    others = [verdict for verdict in answer.each if verdict is not best]
    if others:
        yield ""
        yield "other forms"
    for verdict in others:
        yield f"  {words.called(verdict.need)}: {words.sentence(verdict)}"
    yield ""
    yield "machine"
    for row in words.machine_rows(machine):
        yield f"  {row.plain:<{_LABEL}}{row.text}"


def _need_lines(verdict: fit.Verdict) -> Iterator[str]:
    """The formula: each addend with its share of the room that there is."""
    need = verdict.need
    if not need.is_known:
        for remark in words.remarks(need):
            yield f"  {remark}"
        return
    whole = max(need.total, verdict.room.size if verdict.room is not None else 0)
    yield f"needed by {words.called(need)}"
    for part in words.parts(need):
        label = part.label[:1].lower() + part.label[1:]
        size, share = (words.size(part.size), bar(part.size / whole, _BAR)) if part.size else ("-", "")
        yield f"  {label:<{_LABEL}}{size:>{_SIZE}}  {share:<{_BAR}}  {part.how}"
    yield f"  {'in all':<{_LABEL}}{words.size(need.total):>{_SIZE}}  {bar(need.total / whole, _BAR)}  an estimate"
    if verdict.room is not None:
        where = words.where(verdict.room)
        yield f"  {'room':<{_LABEL}}{words.size(verdict.room.size):>{_SIZE}}  {'':{_BAR}}  {where}"
    for remark in words.remarks(need):
        yield f"  ! {remark}"


def _agent_lines(answer: fit.AgentAnswer) -> Iterator[str]:
    yield words.agent_sentence(answer)
    for sentence in words.blocks(answer):
        yield f"  ! {sentence}"
    if answer.models:
        yield ""
        yield "models"
    for model, verdicts in answer.models:
        said = "is not here" if verdicts is None else words.sentence(verdicts.best)
        yield f"  {model.relation:<10}{words.model_called(model)}: {said}"
    if answer.best is not None:
        verdicts = answer.models[answer.best][1]
        if verdicts is not None:
            yield ""
            yield from _need_lines(verdicts.best)

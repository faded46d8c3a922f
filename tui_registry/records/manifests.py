"""The authoring rules of manifests, and which addresses of one may be used.

As for records (`authoring`) they are advice to an author: a manifest of somebody else that breaks them is shown all the
same. That an address is text is a wire limit, that it may be followed is asked here, before every use of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Set

from tui_registry.errors import Json, Kind, Problem, Record
from tui_registry.records.authoring import MAX_RECORD_BYTES, not_here
from tui_registry.records.schema import MANIFEST_FIELDS
from tui_registry.records.wire import ShapeError, check_shape, wire_problems
from tui_registry.text import safe_text

# An address that may be offered to a person or a program; see protocol.md, Manifests.
_ADDRESS = re.compile(r"(?:https?|git\+https|hf|ollama|oci|ipfs)://[^/?#@]{1,255}(?:[/?#].*)?", re.ASCII)
# A file within the repository: no segment climbs or stays.
_RELATIVE = re.compile(r"(?!\.\.?(?:/|\Z))[A-Za-z0-9._~+=,-]+(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~+=,-]+)*", re.ASCII)
_SCHEMES = "https, http, git+https, hf, ollama, oci or ipfs"
_WEIGHTS = (
    ".safetensors", ".gguf", ".ggml", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".npz", ".mlmodel", ".tflite",
)  # fmt: skip
# RFC 5646, section 2.1: language, script, region, variants, extensions, private use; or one of the irregular tags.
_WELL_FORMED = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|en-gb-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
    r"|sgn-(?:be-fr|be-nl|ch-de)|art-lojban|cel-gaulish|no-(?:bok|nyn)|zh-(?:guoyu|hakka|min|min-nan|xiang))",
    re.ASCII | re.IGNORECASE,
)


def is_followable(uri: str, *, is_artifact: bool = False) -> bool:
    """Whether an address of a manifest may be offered for use: its scheme is a known one, it names a host and no user;
    or, of an artifact, it is a name within the repository that climbs nowhere."""
    return _ADDRESS.fullmatch(uri) is not None or (is_artifact and _RELATIVE.fullmatch(uri) is not None)


def check_manifest(
    manifest: Record,
    *,
    kind_of: Callable[[str], Kind | None] | None = None,
    instead: Callable[[str], str | None] = lambda _: None,
) -> list[Problem]:
    """Every problem of a plain manifest, in the order of its fields; an empty list is one that can be signed.

    Ids, owner, the record's name and kind, and times are left alone: the Datastore sets them.

    Args:
        manifest: a plain manifest. One of the wrong shape gives one problem, `shape`.
        kind_of: the kind of a record that is live here, None for an unknown id. Without it the rules on what is known
            here are skipped.
        instead: what is known of an id that is no record here, as `authoring.not_here` takes it.
    """
    try:
        check_shape("manifest", manifest)
    except ShapeError as error:
        return [Problem(error.path, "error", "shape", error.sentence)]
    problems = [problem for problem in wire_problems("manifest", manifest) if problem.path not in _SET_BY_THE_DATASTORE]
    broken = {problem.path for problem in problems}
    for rule in (_status, _addresses, _artifacts, _languages, _size):
        problems += [problem for problem in rule(manifest) if not _is_told(problem, broken)]
    if kind_of is not None:
        problems += [problem for problem in _links(manifest, kind_of, instead) if not _is_told(problem, broken)]
    problems.sort(key=lambda problem: _PLACES[re.split(r"[.\[]", problem.path, maxsplit=1)[0]])
    return problems


def _is_told(problem: Problem, broken: Set[str]) -> bool:
    """Whether more is wrong there already: with the value, or with the list that it stands in."""
    return problem.path in broken or ("[" in problem.path and problem.path.partition("[")[0] in broken)


_SET_BY_THE_DATASTORE = frozenset(
    {"manifest_id", "owner_id", "subject_id", "subject_kind", "subject_name", "created_at", "updated_at"}
)
_A = {"model": "a model", "agent": "an agent"}
_PLACES = {field.name: place for place, field in enumerate(MANIFEST_FIELDS)}


def _status(manifest: Record) -> Iterator[Problem]:
    if manifest["status"] == "Withdrawn" and not str(manifest["status_message"]).strip():
        sentence = "a withdrawn record says why: write what is wrong with it, and what to use instead"
        yield Problem("status_message", "error", "no_reason", sentence)
    if manifest["superseded_by"] is not None and manifest["superseded_by"] == manifest["subject_id"]:
        yield Problem("superseded_by", "error", "itself", "a record cannot be replaced by itself: name another one")


def _addresses(manifest: Record) -> Iterator[Problem]:
    found: list[tuple[str, Json]] = [
        *((f"interfaces[{place}].url", item["url"]) for place, item in _each(manifest, "interfaces")),
        *((f"evaluations[{place}].source", item["source"]) for place, item in _each(manifest, "evaluations")),
        *((name, manifest[name]) for name in ("repository_url", "documentation_url")),
    ]
    for path, uri in found:
        if uri and not is_followable(str(uri)):
            sentence = (
                f"{safe_text(str(uri), 60)} is no address that can be followed: write one of {_SCHEMES}, ://, a host"
            )
            yield Problem(path, "error", "address", sentence)


def _artifacts(manifest: Record) -> Iterator[Problem]:
    for place, artifact in _each(manifest, "artifacts"):
        uri = str(artifact["uri"])
        path = f"artifacts[{place}].uri"
        if not is_followable(uri, is_artifact=True):
            sentence = (
                f"{safe_text(uri, 60)} can be neither followed nor found in the repository: write one of {_SCHEMES}, "
                "://, a host; or a path in the repository, such as weights/model.safetensors"
            )
            yield Problem(path, "error", "address", sentence)
        elif "://" not in uri and not manifest["repository_url"]:
            sentence = "is a path in a repository, and no repository is named: nobody can find it"
            yield Problem(path, "warning", "no_repository", sentence)
        if artifact["sha256"] is None and uri.lower().partition("?")[0].endswith(_WEIGHTS):
            sentence = "weights without their SHA-256: nobody can tell whether they got these"
            yield Problem(f"artifacts[{place}].sha256", "warning", "no_digest", sentence)


def _languages(manifest: Record) -> Iterator[Problem]:
    languages = manifest["languages"]
    for place, tag in enumerate(languages if isinstance(languages, list) else ()):
        if _WELL_FORMED.fullmatch(str(tag)) is None:
            sentence = f"{safe_text(str(tag), 40)} is no language tag of BCP 47: write one such as en, pt-BR or zh-Hans"
            yield Problem(f"languages[{place}]", "error", "language", sentence)


def _links(
    manifest: Record, kind_of: Callable[[str], Kind | None], instead: Callable[[str], str | None]
) -> Iterator[Problem]:
    heir = manifest["superseded_by"]
    if heir is not None:
        kind = kind_of(str(heir))
        if kind is None:
            yield _unknown("superseded_by", str(heir), "record", instead(str(heir)))
        elif kind != (ours := str(manifest["subject_kind"]).lower()):
            sentence = f"{str(heir)[:8]} is {_A[kind]}: {_A[ours]} is replaced by {_A[ours]}"
            yield Problem("superseded_by", "error", "other_kind", sentence)
    models = manifest["required_models"]
    for place, model in enumerate(models if isinstance(models, list) else ()):
        kind = kind_of(str(model))
        if kind != "model":
            known = instead(str(model)) if kind is None else f"is {_A[kind]}"
            yield _unknown(f"required_models[{place}]", str(model), "model", known)


def _unknown(path: str, identifier: str, what: str, instead: str | None) -> Problem:
    return Problem(path, "warning", f"unknown_{what}", not_here(identifier, what, instead))


def _size(manifest: Record) -> Iterator[Problem]:
    size = len(json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_RECORD_BYTES:
        longest = max(_PLACES, key=lambda name: len(str(manifest[name])))
        sentence = f"the manifest takes {size:,} bytes, one operation has room for {MAX_RECORD_BYTES:,}: shorten this"
        yield Problem(longest, "error", "too_big", sentence)


def _each(manifest: Record, name: str) -> Iterator[tuple[int, Record]]:
    items = manifest[name]
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield place, item

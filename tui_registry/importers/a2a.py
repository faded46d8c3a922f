"""An A2A agent card -> the draft of an agent.

Versions 0.3 (`url`, `preferredTransport`) and 1.0 (`supportedInterfaces`): https://a2a-protocol.org/latest/specification/.
Its signatures (8.4) are checked with keys of the host that a card came from, and with no others. Canonical JSON (JCS),
which they are of: RFC 8785.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeGuard

from tui_registry.errors import Json
from tui_registry.importers.draft_writer import Draft, Given, put_version, seen, shown, with_notes
from tui_registry.importers.formats import Reader
from tui_registry.importers.untrusted import Page, is_whole, object_at, objects_at, text_at, texts_at
from tui_registry.text import exact

if TYPE_CHECKING:
    import httpx

    from tui_registry.importers.fetch import Fetcher
    from tui_registry.importers.signatures import HostKeys

_IN = "in the agent card"
_CARD, _FORMER_CARD = "agent-card.json", "agent.json"  # the second until version 0.3
_MOST, _MOST_SKILLS = 64, 512


def read_document(value: Json, source: str, _name: str) -> list[Draft] | None:
    """The draft in a document, None when it is no agent card."""
    return [read_agent_card(value, source)] if is_agent_card(value) else None


async def ask_host(fetcher: Fetcher, url: httpx.URL, place: str, _after: str) -> Page[Given] | None:
    """The draft of the agent whose card lies at the well-known place of a host; None when there is no card.

    Raises:
        SourceError: the host does not answer, or with what cannot be read.
    """
    for path in (place, place.removesuffix(_CARD) + _FORMER_CARD):
        answer = await fetcher.get(url.copy_with(raw_path=path.encode()))
        if answer.status == 200:
            notes: list[str] = []
            drafts = read_document(answer.document(notes), str(answer.url), "")
            if drafts is not None:
                return Page(with_notes(drafts, notes))
    return None


def is_agent_card(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a document reads as an agent card."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("skills"), list)
        and ("supportedInterfaces" in value or "protocolVersion" in value or "defaultInputModes" in value)
    )


def read_agent_card(card: Mapping[str, Json], source: str) -> Draft:
    """The draft that a card gives; `is_agent_card` holds."""
    draft = Draft("agent", source)
    draft.put("name", text_at(card, "name"), f"name {_IN}")
    put_version(draft, text_at(card, "version"), f"version {_IN}")
    described = text_at(card, "description")
    # A card that was made from what was imported says it already.
    reached = [part for part in _reached(card) if part not in described]
    about = [described, *reached]
    more = " and the interfaces" if reached else ""
    draft.put("description", "\n\n".join(part for part in about if part), f"description{more} {_IN}")
    # The card says how an agent is reached, not what it is built with.
    draft.put("framework", {"Other": "A2A"}, "not stated; A2A is how it is reached")
    every = objects_at(card, "skills")
    skills = every[:_MOST_SKILLS]
    if len(every) > len(skills):
        draft.note(f"only the first {exact(len(skills))} of {exact(len(every))} skills were read")
    names = [_skill(skill) for skill in skills]
    draft.add("capabilities", [name for name in names if name], f"skills {_IN}")
    able = object_at(card, "capabilities")
    offered = [words for key, words in _ABLE.items() if able.get(key) is True]
    draft.add("capabilities", offered, f"capabilities {_IN}")
    tags = [tag for skill in skills for tag in texts_at(skill, "tags")]
    draft.add("tags", tags[: 4 * _MOST_SKILLS], f"tags of the skills {_IN}")
    draft.put("compatible_model_types", _model_types(card), f"the input modes {_IN}")
    put_interfaces(draft, card)
    draft.note_unplaced(seen(key, of) for key, of in card.items() if key not in _READ and of not in (None, "", [], {}))
    extensions = [text_at(one, "uri") for one in objects_at(able, "extensions")]
    draft.note_unplaced([seen("extensions", list[Json](extensions))] if any(extensions) else [])
    _note_guards(draft, card)
    return draft


_READ = frozenset(
    {"additionalInterfaces", "capabilities", "defaultInputModes", "defaultOutputModes", "description",
     "documentationUrl", "name", "preferredTransport", "protocolVersion", "provider", "security",
     "securityRequirements", "securitySchemes", "signatures", "skills", "supportedInterfaces",
     "supportsAuthenticatedExtendedCard", "url", "version"}
)  # fmt: skip


_ABLE = {"streaming": "streaming", "pushNotifications": "push-notifications"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._ -][A-Za-z0-9]+)*", re.ASCII)
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9]{4}")


def _skill(skill: Mapping[str, Json]) -> str:
    """What a skill is called: its id, when that is a word and no number."""
    identifier = text_at(skill, "id")
    if _WORD.fullmatch(identifier) and not _RANDOM.search(identifier):
        return identifier[:128]
    return text_at(skill, "name")[:128]


def _reached(card: Mapping[str, Json]) -> list[str]:
    """One line for each interface, the preferred one first, and the provider."""
    lines = [_interface(interface, version) for interface, version in _interfaces(card)]
    found = list(dict.fromkeys(line for line in lines if line))[:8]
    provider = text_at(object_at(card, "provider"), "organization")
    documents = text_at(card, "documentationUrl")
    parts = ["\n".join(found)] if found else []
    more = [f"Provider: {provider}"] if provider else []
    more += [f"Documentation: {documents}"] if documents else []
    return [*parts, "\n".join(more)] if more else parts


def _interfaces(card: Mapping[str, Json]) -> Iterator[tuple[Mapping[str, Json], str]]:
    """Each interface with its version of A2A, the preferred one first."""
    version = text_at(card, "protocolVersion")
    interfaces: list[Mapping[str, Json]] = [*objects_at(card, "supportedInterfaces")]
    if not interfaces:
        first = {"url": card.get("url"), "transport": card.get("preferredTransport")}
        interfaces = [first, *objects_at(card, "additionalInterfaces")]
    for interface in interfaces:
        yield interface, text_at(interface, "protocolVersion") or version


def put_interfaces(draft: Draft, card: Mapping[str, Json]) -> None:
    """Where the agent of a card answers, and where it is documented."""
    for interface, version in _interfaces(card):
        draft.behind.add_interface(text_at(interface, "url"), "A2A", version)
    draft.behind.put("documentation_url", text_at(card, "documentationUrl"))


def _interface(interface: Mapping[str, Json], version: str) -> str:
    url = text_at(interface, "url")
    if not url:
        return ""
    binding = text_at(interface, "protocolBinding", "transport")
    how = " ".join(part for part in (binding, f"A2A {version}" if version else "") if part)
    return f"Interface: {url[:512]}" + (f" ({how[:80]})" if how else "")


def _model_types(card: Mapping[str, Json]) -> list[Json]:
    modes = " ".join([*texts_at(card, "defaultInputModes"), *texts_at(card, "defaultOutputModes")][:_MOST]).lower()
    return ["LLM", "Multimodal"] if re.search(r"\b(?:image|audio|video)/", modes) else []


def _note_guards(draft: Draft, card: Mapping[str, Json]) -> None:
    schemes = list(object_at(card, "securitySchemes"))
    if schemes:
        draft.note(f"the agent asks for credentials ({', '.join(shown(name, 30) for name in schemes[:4])})")
    if objects_at(card, "signatures"):
        draft.note(_UNPROVEN)
        draft.proof = partial(_prove, draft, card)


# ---- signatures ----------------------------------------------------------------------------------------------------

_BY_NOBODY = "the card is signed, by nobody known here"
_UNPROVEN = f"{_BY_NOBODY}: imported from its agent's address, it is checked with the keys of that host"


async def _prove(draft: Draft, card: Mapping[str, Json], keys: HostKeys) -> None:
    """Check the signatures with the keys of the host that the card came from."""
    verdict = await keys.judge(objects_at(card, "signatures"), lambda: _signed_forms(card))
    draft.notes[:] = [note for note in draft.notes if note != _UNPROVEN]
    match verdict.says:
        case "fits":
            draft.note(f"the card is signed by {keys.host} ({verdict.words}), and the signature fits{keys.doubt}")
        case "wrong":
            draft.problem(
                "",
                "signature",
                f"the signature of the card is wrong: {keys.host} publishes the key that it names ({verdict.words}), "
                "and that did not sign this. Somebody changed the card, or signed it in a way of their own: ask there. "
                "Saved as a file, it can be imported unchecked",
            )
        case "unknown":
            draft.note(f"{_BY_NOBODY}: {verdict.words}")


def _signed_forms(card: Mapping[str, Json]) -> list[bytes]:
    """The bytes that the signer of a card may have signed.

    The specification (8.4.1) leaves out what has the value that is meant without it. Programs leave out more than that,
    or nothing: those of the official SDK for Python what is empty, and before 1.0 its defaults too, with ASCII alone.
    None of this changes what a card says.
    """
    whole: dict[str, Json] = {key: value for key, value in card.items() if key != "signatures"}
    stated = _without_defaults(whole)
    forms = [whole, stated, _without_empty(whole), _without_empty(stated), _without_empty(_without_meant(whole))]
    spelled: list[bytes] = []
    for form in forms:
        try:
            spelled.append(canonical(form))
        except ValueError:
            continue
        spelled.append(json.dumps(form, separators=(",", ":"), sort_keys=True).encode())
    return list(dict.fromkeys(spelled))


# Members that stay, be they empty: REQUIRED or `optional` in a2a.proto.
_STATED = frozenset(
    {"name", "description", "supportedInterfaces", "version", "capabilities", "defaultInputModes", "defaultOutputModes",
     "skills", "url", "protocolBinding", "protocolVersion", "organization", "id", "tags", "location", "scheme", "flows",
     "openIdConnectUrl", "authorizationUrl", "tokenUrl", "deviceAuthorizationUrl", "scopes", "documentationUrl",
     "iconUrl", "streaming", "pushNotifications", "extendedAgentCard", "provider"}
)  # fmt: skip
# Below these, a description is one that may be left out.
_LOOSE = frozenset({"extensions", "securitySchemes"})


def _without_defaults(value: dict[str, Json], *, loose: bool = False) -> dict[str, Json]:
    kept: dict[str, Json] = {}
    for key, inner in value.items():
        within = loose or key in _LOOSE
        match inner:
            case dict() if key not in ("params", "scopes"):
                inner = _without_defaults(inner, loose=within)
            case list():
                inner = [_without_defaults(one, loose=within) if isinstance(one, dict) else one for one in inner]
        must = key in _STATED and not (loose and key == "description")
        if must or inner not in (None, False, 0, "", [], {}):
            kept[key] = inner
    return kept


def _without_empty(value: Json) -> Json:
    match value:
        case dict():
            kept: dict[str, Json] = {}
            for key, one in value.items():
                inner = _without_empty(one)
                if inner is not None:
                    kept[key] = inner
            return kept or None
        case list():
            return [left for one in value if (left := _without_empty(one)) is not None] or None
    return None if value == "" else value


def _without_meant(card: dict[str, Json]) -> dict[str, Json]:
    """Without the defaults of version 0.3, as its SDK for Python left them out."""
    meant: dict[str, Json] = {"protocolVersion": "0.3.0", "preferredTransport": "JSONRPC"}
    kept = {key: value for key, value in card.items() if key not in meant or value != meant[key]}
    schemes = object_at(card, "securitySchemes")
    if schemes:
        kept["securitySchemes"] = {
            name: {key: value for key, value in one.items() if key != "type"} if isinstance(one, dict) else one
            for name, one in schemes.items()
        }
    return kept


# ---- canonical JSON -------------------------------------------------------------------------------------------------


def canonical(value: Json) -> bytes:
    """A value in the one spelling of RFC 8785.

    Raises:
        ValueError: it has none: half a surrogate pair, a number that is none.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def _write(value: Json, parts: list[str]) -> None:
    match value:
        case dict():
            # By UTF-16 code units, not by characters
            keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
            for number, key in enumerate(keys):
                parts.append(f"{',' if number else '{'}{_text(key)}:")
                _write(value[key], parts)
            parts.append("}" if keys else "{}")
        case list():
            for number, item in enumerate(value):
                parts.append("," if number else "[")
                _write(item, parts)
            parts.append("]" if value else "[]")
        case str():
            parts.append(_text(value))
        case bool() | None:
            parts.append(json.dumps(value))
        case _:
            parts.append(_spelled(value))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _spelled(value: int | float) -> str:
    """A number as ECMAScript writes it (ECMA-262, Number::toString): every number is a double there."""
    if is_whole(value) and abs(value) < 2**53:
        return str(value)
    try:
        double = float(value)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if double != double or double in (float("inf"), float("-inf")):
        raise ValueError("no number")
    if not double:
        return "0"
    sign, tuple_of, exponent = Decimal(repr(double)).as_tuple()
    digits = "".join(map(str, tuple_of)).rstrip("0")
    point = len(tuple_of) + int(exponent)
    before = "-" if sign else ""
    if len(digits) <= point <= 21:
        return before + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{before}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{before}0.{'0' * -point}{digits}"
    more = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{before}{digits[0]}{more}e{point - 1:+d}"


READER = Reader(document=read_document, ask=ask_host)

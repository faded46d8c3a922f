"""What stands behind a record, as a source states it: where its bytes are, what it was made from, where it answers.

Only what a format says is taken. What a limit of manifests refuses is left out, and a note says so; nothing is followed
or fetched, and no path of somebody's disk gets in.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from tui_registry.errors import ABSENT, GivenManifest, Json, Problem, Record
from tui_registry.hosts import place_of_host
from tui_registry.records.manifests import check_manifest, is_followable
from tui_registry.records.schema import MANIFEST_FIELDS, MAX_TIME, URI, Many, defaults
from tui_registry.text import exact, safe_text

# How a model was made from another where the source names that alone: `derivative of org/base`.
UNSAID: Json = {"Other": "derivative"}


class Behind:
    """The manifest of one draft as it comes together. Of two that say the same thing the first stays.

    Attributes:
        files: of artifacts that lie on this machine and whose digest nothing states: their paths, by `uri`.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        """
        Args:
            note: is told what was left out.
        """
        self.files: dict[str, Path] = {}
        self._note = note
        self._texts: dict[str, Json] = {}
        self._lists: dict[str, list[Json]] = {}
        self._unread = 0

    # What a source states

    def add_file(
        self,
        uri: str,
        *,
        size: int | None = None,
        sha256: str | None = None,
        quantization: Json = None,
        here: Path | None = None,
    ) -> None:
        """A file of the record.

        Args:
            uri: its address, or its path in the repository with `/` between the names.
            size: in bytes. sha256: 64 hex digits, as somebody states them.
            here: where it lies on this machine, if its digest can be made by reading it.
        """
        digest = None if sha256 is None else sha256.lower()
        item: Record = {
            "uri": uri, "media_type": "", "sha256": digest, "size_bytes": size, "quantization": quantization
        }  # fmt: skip
        if self._add("artifacts", item, "uri") and here is not None and digest is None:
            self.files[uri] = here

    def move_files(self, uris: Callable[[str], str], digests: Callable[[str], str | None]) -> None:
        """The files lie elsewhere, and what was read is a copy: each gets its address there, and the digest that is
        told of it there."""
        for item in self._lists.get("artifacts", []):
            if isinstance(item, dict):
                digest = digests(str(item["uri"]))
                item["sha256"] = item["sha256"] if digest is None else digest.lower()
                item["uri"] = uris(str(item["uri"]))
        self.files.clear()

    def add_interface(self, url: str, protocol: Json, version: str = "") -> None:
        """Where it answers, what it speaks there, and in which version."""
        if url:
            self._add("interfaces", {"url": url, "protocol": protocol, "version": version}, "url")

    def add_origin(self, name: str, relation: Json = UNSAID) -> None:
        """What it was made from, by the name that people call that. A relation that is said stands for one that is
        not."""
        name = " ".join(name.split())
        if not name:
            return
        item: Record = {"relation": relation, "model_id": None, "name": name, "sha256": None}
        said = self._lists.get("derived_from", [])
        for place, known in enumerate(said):
            if isinstance(known, dict) and known["name"] == name:
                if known["relation"] == UNSAID:
                    said[place] = item
                return
        self._add("derived_from", item, "name")

    def add_texts(self, field: str, items: Iterable[str]) -> None:
        """Items of `datasets` or `languages`."""
        for item in items:
            text = " ".join(item.split())
            known = self._lists.get(field, [])
            if text and len(known) < _MOST_COMPARED and text not in known:
                self._lists.setdefault(field, []).append(text)

    def add_result(self, benchmark: str, metric: str, value: Json, source: str = "") -> None:
        """A result; one that is no plain number is left out."""
        number = decimal_text(value)
        if number is None:
            self._unread += 1
            if self._unread <= _MOST_NOTED:
                self._note(
                    f"a result was left out: {_shown(value)} is no number ({_shown(benchmark)}, {_shown(metric)})"
                )
            return
        item: Record = {"benchmark": benchmark, "metric": metric, "value": number, "source": source}
        results = self._lists.get("evaluations", [])
        if len(results) < _MOST_COMPARED and item not in results:
            self._lists.setdefault("evaluations", []).append(item)

    def put(self, field: str, value: Json) -> None:
        """A field that is one value; nothing is none."""
        if value is not None and value != "":
            self._texts.setdefault(field, value)

    # What comes of it

    def plain(self) -> tuple[GivenManifest, frozenset[str]]:
        """The manifest, and the fields that the source states; `ABSENT` where it states none. What breaks a limit or a
        rule for authors is left out, and noted."""
        said: Record = {**self._texts}
        for field, items in self._lists.items():
            most = _MOST[field]
            if len(items) > most:
                self._note(f"manifest.{field}: the first {exact(most)} of {exact(len(items))} were kept")
            said[field] = list(items[:most])
        while said:
            problems = [one for one in check_manifest(_LARGEST | said) if one.severity == "error"]
            if not problems:
                break
            said = self._without(said, problems)
        kept = said.get("artifacts")
        left = {str(item["uri"]) for item in kept if isinstance(item, dict)} if isinstance(kept, list) else set[str]()
        self.files = {uri: path for uri, path in self.files.items() if uri in left}
        return (defaults("manifest") | said, frozenset(said)) if said else (ABSENT, frozenset())

    # How

    def _add(self, field: str, item: Record, key: str) -> bool:
        items = self._lists.setdefault(field, [])
        known = any(isinstance(one, dict) and one[key] == item[key] for one in items[-_MOST_COMPARED:])
        if known or len(items) >= _MOST_COMPARED:
            return False
        items.append(item)
        return True

    def _without(self, said: Record, problems: list[Problem]) -> Record:
        """What is said without what has problems."""
        wrong: dict[str, dict[int, str]] = defaultdict(dict)
        left = {**said}
        for problem in problems:
            match = _PLACE.match(problem.path)
            field = match[1] if match is not None else ""
            value = left.get(field)
            if problem.code == "too_big" and isinstance(value, list) and len(value) > 1:
                left[field] = value[: len(value) // 2]
                self._note(f"manifest.{field}: cut to {exact(len(value) // 2)}, more have no room in one operation")
            elif match is not None and match[2] is not None and isinstance(value, list):
                wrong[field].setdefault(int(match[2]), problem.sentence)
            elif field in left:
                del left[field]
                self._note(f"manifest.{field} was left out: {problem.sentence}")
            else:
                # What no field is to blame for: nothing of it can be signed
                self._note(f"no manifest can be made of it: {problem.sentence}")
                return {}
        for field, places in wrong.items():
            items = left.get(field)
            if isinstance(items, list):
                left[field] = [item for place, item in enumerate(items) if place not in places]
                for place, sentence in [*places.items()][:_MOST_NOTED]:
                    self._note(f"manifest.{field}: {_shown(_called(items[place]))} was left out: {sentence}")
                if len(places) > _MOST_NOTED:
                    self._note(f"manifest.{field}: {exact(len(places) - _MOST_NOTED)} more were left out like these")
        return {field: value for field, value in left.items() if value not in ([], "")}


def public_address(text: str) -> str:
    """An address as everybody may use it; empty for a path, for a host of somebody's own network, and for one with a
    user or a query in it, which may be a secret."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if ("[" in parts.netloc) != (":" in host):  # brackets hold an address of IPv6 and nothing else
        return ""
    plain = parts.scheme in ("http", "https") and not (parts.username or parts.password or parts.query)
    if not plain or "%" in host or place_of_host(host) != "public":
        return ""
    named = f"[{host}]" if ":" in host else host
    address = f"{parts.scheme}://{named}{'' if port is None else f':{port}'}{parts.path}".rstrip("/")
    return address if re.fullmatch(URI.pattern, address, re.ASCII) and is_followable(address) else ""


def decimal_text(value: Json) -> str | None:
    """A number as manifests have it, with at most twelve decimals; None for what is none: `1.5e-2` -> `0.015`."""
    text = str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        number = Decimal(text)
        _, _, exponent = number.as_tuple()
        if not isinstance(exponent, int) or not -_LONGEST < exponent < _LONGEST or number.adjusted() > _WHOLE:
            return None
        said = f"{number:.{_DECIMALS}f}".rstrip("0").rstrip(".") if exponent < -_DECIMALS else f"{number:f}"
    except InvalidOperation:
        return None
    return said


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DECIMALS, _WHOLE, _LONGEST = 12, 17, 400
_MOST = {field.name: field.type.most for field in MANIFEST_FIELDS if isinstance(field.type, Many)}
_PLACE = re.compile(r"([a-z_]+)(?:\[([0-9]+)\])?")
# No record has a longer name, and no time takes more room.
_LARGEST = defaults("manifest") | {"subject_name": "\U0001f600" * 128, "created_at": MAX_TIME, "updated_at": MAX_TIME}
# More than a manifest holds are told, and no more of them compared.
_MOST_COMPARED = 300
_MOST_NOTED = 3


def _called(item: Json) -> Json:
    """What an item of a list is told by."""
    if not isinstance(item, dict):
        return item
    return next((item[name] for name in ("uri", "url", "name", "benchmark") if item.get(name)), "")


def _shown(value: Json) -> str:
    return safe_text(" ".join(str(value)[:200].split()), 60) or "one without a name"

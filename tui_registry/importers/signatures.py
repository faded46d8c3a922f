"""Signatures of descriptions, as JWS over JSON, by keys that the host of a description publishes.

JWS: RFC 7515, with the algorithms of RFC 7518 and RFC 8037. Key sets (JWKS): RFC 7517.
Keys, cards and signatures are a stranger's: how many there are, how long they are and what they cost is bounded.

What checks signatures takes long to load: this module is imported for a description that is signed, and no sooner.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from Crypto.Hash import SHA256, SHA384, SHA512
from Crypto.PublicKey import ECC, RSA
from Crypto.PublicKey.ECC import EccKey
from Crypto.PublicKey.RSA import RsaKey
from Crypto.Signature import DSS, eddsa, pkcs1_15, pss
from httpx import URL, InvalidURL

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.fetch import Fetcher
from tui_registry.importers.untrusted import SourceError, objects_at, parse_object, text_at
from tui_registry.text import safe_text

WELL_KNOWN = "/.well-known/jwks.json"


class Verdict(NamedTuple):
    """What became of the signatures of one description: the first that fits settles it.

    Attributes:
        says: `fits`, `wrong` (a key that the host publishes is named, and did not make the signature) or `unknown`.
        words: by which key, or why nobody is known to have signed it; safe, in the middle of a sentence.
    """

    says: Literal["fits", "wrong", "unknown"]
    words: str


class HostKeys:
    """The keys that one host publishes, asked for once and only when they are needed.

    Attributes:
        host: its name, safe. doubt: what a signature that fits does not prove, to stand behind a sentence; maybe empty.
    """

    def __init__(self, fetcher: Fetcher, url: URL) -> None:
        """`url` is any of the host that the descriptions came from."""
        self._fetcher = fetcher
        self._url = url
        self._sets: dict[str, _KeySet | str] = {}
        self._left = _MOST_TRIALS
        self.host = safe_text(url.netloc.decode("ascii"), 80)
        self.doubt = "" if url.scheme == "https" else ", but over http:// anybody between may have written both"

    async def judge(self, signatures: Sequence[Mapping[str, Json]], payloads: Callable[[], Sequence[bytes]]) -> Verdict:
        """Whether one of these signatures is by a key of the host. Nothing is raised.

        Args:
            signatures: objects with `protected` and `signature`.
            payloads: gives the bytes that may have been signed; a signature of any of them fits.
        """
        verdicts: list[Verdict] = []
        signed: Sequence[bytes] | None = None
        for signature in signatures[:_MOST_SIGNATURES]:
            read = _read_signature(signature)
            keys = read if isinstance(read, str) else await self._keys_for(read)
            if isinstance(read, str) or isinstance(keys, str):
                verdicts.append(Verdict("unknown", read if isinstance(read, str) else str(keys)))
                continue
            try:
                signed = payloads() if signed is None else signed
            except RecursionError:
                return Verdict("unknown", "what it signs is nested too deep to be looked at")
            verdicts.append(self._try(read, keys, signed))
            if verdicts[-1].says == "fits":
                break
        order = ("fits", "wrong", "unknown")
        return min(verdicts, key=lambda one: order.index(one.says), default=Verdict("unknown", "no signature is there"))

    def _try(self, read: _Signature, keys: Sequence[_Key], payloads: Sequence[bytes]) -> Verdict:
        named = f"{read.algorithm}, key {safe_text(read.key, 60)}" if read.key else read.algorithm
        for key in keys:
            for payload in payloads:
                if not self._left:
                    return Verdict("unknown", "there are more signatures than are checked at once")
                self._left -= 1
                if _fits(key, read, read.protected + b"." + _encoded(payload)):
                    return Verdict("fits", named)
        if read.key:
            return Verdict("wrong", named)
        return Verdict("unknown", f"it names no key, and none of {self.host} made it")

    async def _keys_for(self, read: _Signature) -> Sequence[_Key] | str:
        """The keys that may have made a signature, or why there are none."""
        place = self._place(read.keys_at)
        elsewhere = bool(read.keys_at) and place == WELL_KNOWN and not read.keys_at.endswith(WELL_KNOWN)
        other = "; its keys are said to be at another host, which is not asked" if elsewhere else ""
        if place not in self._sets:
            few = len(self._sets) < _MOST_SETS
            self._sets[place] = await self._fetch(place) if few else "more key sets are named than are asked for"
        keys = self._sets[place]
        if isinstance(keys, str):
            return keys + other
        which = f"key {safe_text(read.key, 60)}" if read.key else "key"
        return keys.for_signature(read) or f"{self.host} publishes no {which} for {read.algorithm}{other}"

    def _place(self, named: str) -> str:
        """Where the keys are: where the signature says, if that is at the very host, else at the usual place."""
        try:
            url = self._url.join(named) if named else self._url
            here = (url.scheme, url.host, url.port) == (self._url.scheme, self._url.host, self._url.port)
            return url.raw_path.decode("ascii") if named and here and not url.userinfo else WELL_KNOWN
        except (InvalidURL, ValueError):
            return WELL_KNOWN

    async def _fetch(self, place: str) -> _KeySet | str:
        shown = safe_text(place, 80)
        try:
            answer = await self._fetcher.get(self._url.copy_with(raw_path=place.encode("ascii")))
            if answer.status != 200:
                return f"{self.host} publishes no keys at {shown} (status {answer.status})"
            return _KeySet(parse_object(answer.body, f"the key set at {shown}"))
        except SourceError as error:
            return f"the keys of {self.host} cannot be had: {error.sentence}"


# What a description may cost, and what all of one address may.
_MOST_SIGNATURES, _MOST_SETS, _MOST_KEYS, _MOST_ALIKE = 8, 8, 64, 4
_MOST_TRIALS = 512
_MOST_HEADER = 8 * 1024


# ---- a signature, and the keys that may have made it ----------------------------------------------------------------


class _Signature(NamedTuple):
    """One signature; `key` names its key, `keys_at` says where that is, both empty where it does not say."""

    protected: bytes
    value: bytes
    algorithm: str
    key: str
    keys_at: str


def _read_signature(signature: Mapping[str, Json]) -> _Signature | str:
    """The signature, or why it cannot be checked."""
    protected, value = signature.get("protected"), signature.get("signature")
    if not isinstance(protected, str) or not isinstance(value, str) or len(protected) + len(value) > _MOST_HEADER:
        return "the signature cannot be read"
    try:
        header = parse_object(_decoded(protected), "the header")
        made = _decoded(value)
    except (SourceError, ValueError):
        return "the signature cannot be read"
    algorithm = text_at(header, "alg")
    if "crit" in header:
        return "the signature asks for more than is known here"
    if not algorithm:
        return "the signature cannot be read"
    if algorithm not in _ALGORITHMS:
        return f"signatures of the kind {safe_text(algorithm, 20)} are not checked here"
    return _Signature(protected.encode("ascii"), made, algorithm, text_at(header, "kid"), text_at(header, "jku"))


class _Algorithm(NamedTuple):
    """By which keys (`kty` and `crv` of a JWK) and with which hash of so many bits; 0 where that is settled."""

    keys: str
    curve: str
    bits: int


_ALGORITHMS = {
    "ES256": _Algorithm("EC", "P-256", 256),
    "ES384": _Algorithm("EC", "P-384", 384),
    "ES512": _Algorithm("EC", "P-521", 512),
    "EdDSA": _Algorithm("OKP", "Ed25519", 0),
    "Ed25519": _Algorithm("OKP", "Ed25519", 0),
    **{f"{kind}{bits}": _Algorithm("RSA", "", bits) for kind in ("RS", "PS") for bits in (256, 384, 512)},
}


class _KeySet:
    """A key set, as far as its keys can be taken."""

    def __init__(self, value: Mapping[str, Json]) -> None:
        self._keys = objects_at(value, "keys")[:_MOST_KEYS]

    def for_signature(self, read: _Signature) -> list[_Key]:
        """The keys that may have made a signature, by their name and kind."""
        algorithm = _ALGORITHMS[read.algorithm]
        fitting = [
            key
            for key in self._keys
            if (not read.key or key.get("kid") == read.key)
            and text_at(key, "kty") == algorithm.keys
            and text_at(key, "crv") == algorithm.curve
            and text_at(key, "use") in ("", "sig")
            and text_at(key, "alg") in ("", read.algorithm, *_SAME.get(read.algorithm, ()))
        ]
        made = (_made(key, algorithm) for key in fitting[:_MOST_ALIKE])
        return [key for key in made if key is not None]


_SAME = {"EdDSA": ("Ed25519",), "Ed25519": ("EdDSA",)}
_Key: TypeAlias = EccKey | RsaKey
_LEAST_RSA, _MOST_RSA = 2048, 8192  # bits


def _made(key: Mapping[str, Json], algorithm: _Algorithm) -> _Key | None:
    """The key in a JWK, None where it holds none that can be used."""
    try:
        match algorithm.keys:
            case "EC":
                x, y = _number(key, "x", 66), _number(key, "y", 66)
                return ECC.construct(curve=algorithm.curve, point_x=x, point_y=y)
            case "OKP":
                return eddsa.import_public_key(_decoded(text_at(key, "x")[:64]))
        modulus, exponent = _number(key, "n", _MOST_RSA // 8), _number(key, "e", 4)
        usable = _LEAST_RSA <= modulus.bit_length() <= _MOST_RSA and exponent > 1
        return RSA.construct((modulus, exponent)) if usable else None
    except ValueError:
        return None


def _number(key: Mapping[str, Json], name: str, most: int) -> int:
    raw = _decoded(text_at(key, name)[: 2 * most])
    if not 0 < len(raw) <= most:
        raise ValueError(name)
    return int.from_bytes(raw)


def _fits(key: _Key, read: _Signature, signed: bytes) -> bool:
    bits = _ALGORITHMS[read.algorithm].bits
    try:
        if isinstance(key, RsaKey):
            hashed = {256: SHA256, 384: SHA384, 512: SHA512}[bits].new(signed)
            (pss if read.algorithm.startswith("PS") else pkcs1_15).new(key).verify(hashed, read.value)
        elif bits:
            DSS.new(key, "fips-186-3").verify({256: SHA256, 384: SHA384, 512: SHA512}[bits].new(signed), read.value)
        else:
            eddsa.new(key, "rfc8032").verify(signed, read.value)
    except ValueError:
        return False
    return True


_URL_BASE64 = re.compile(r"[A-Za-z0-9_-]*")


def _decoded(text: str) -> bytes:
    """What base64url without padding stands for (RFC 7515, appendix C).

    Raises:
        ValueError: it is none.
    """
    if _URL_BASE64.fullmatch(text) is None or len(text) % 4 == 1:
        raise ValueError("no base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")

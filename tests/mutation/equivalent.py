"""Mutants that no test can kill, since they say the same as the code: where, the line as mutated, and why."""

from __future__ import annotations

_DEFAULT = "what is left out is the default, and None says the same as False"
_SLOWER = "a signature that was looked at once more is the same signature"
_LIBRARY = "the curve library refuses such a number by itself, with the same outcome"
_CHECKED = "the clock of a checked op names its signer: the value for a missing one is never used"

EQUIVALENT: dict[tuple[str, str], str] = {
    (
        "rules.claim_of",
        "return Ancestor(op.hash, op.kind, op.key, owner, op.clock.get(owner, None), op.created_at, op.updated_at)",
    ): _CHECKED,
    (
        "rules.claim_of",
        "return Ancestor(op.hash, op.kind, op.key, owner, op.clock.get(owner, ), op.created_at, op.updated_at)",
    ): _CHECKED,
    (
        "rules.claim_of",
        "return Ancestor(op.hash, op.kind, op.key, owner, op.clock.get(owner, 1), op.created_at, op.updated_at)",
    ): _CHECKED,
    (
        "rules.check_against",
        "return claim if (created_at == claim.created_at) and False else claim._replace(created_at=created_at)",
    ): "a copy equals its original",
    ("op._clock", 'if _hex(actor, 40, "an actor") < before:'): "the members of an object differ",
    ("op._read_up", 'path = error.path.encode("UNICODE_ESCAPE").decode()[:80]'): "the same codec",
    (
        "spelling.decode",
        "value: Json = from_json(data, allow_inf_nan=False, )",
    ): "which strings are cached shows nowhere",
    (
        "op._clock_bytes",
        'return b"".join(actor.encode() + clock[actor].to_bytes(8, ) for actor in sorted(clock))',
    ): _DEFAULT,
    ("op.hashed_rm", "updated_at.to_bytes(8, signed=True),"): _DEFAULT,
    (
        "keys.Identity.__init__",
        "self.address = _address(keys.pubkey_from_prvkey(secret, compressed=None))",
    ): _DEFAULT,
    ("keys.Identity.sign", "return recovery.sign(digest, self._secret, verify=None)"): _DEFAULT,
    ("keys.Identity.sign", "return recovery.sign(digest, self._secret, )"): _SLOWER,
    ("keys.Identity.sign", "return recovery.sign(digest, self._secret, verify=True)"): _SLOWER,
    ("keys.recover", "return _address(recovery.recover(digest, signature, rec, compressed=None))"): _DEFAULT,
    ("keys.recover", "r, s = signature[:33], signature[32:]"): _LIBRARY,
    ("keys.recover", "if not (_ZERO <= r < _ORDER and _ZERO < s <= _HALF_ORDER):"): _LIBRARY,
    ("keys.recover", "if not (_ZERO < r <= _ORDER and _ZERO < s <= _HALF_ORDER):"): _LIBRARY,
    ("keys.recover", "if not (_ZERO < r < _ORDER and _ZERO <= s <= _HALF_ORDER):"): _LIBRARY,
}

"""Inputs that crashed a decoder once, by target; each is a test for ever."""

from __future__ import annotations

from tests.crdt.making import removal_of, root

_UP, _RM = root().body, removal_of(root()).body
_KEY = b'"key":"' + root().key.encode()
_DEEP = b'{"version":3,"crypto":' + b"[" * 60_000

CRASHERS: dict[str, dict[str, bytes]] = {
    "op": {
        # UnicodeEncodeError instead of `malformed`.
        "a lone surrogate in the key": _UP.replace(_KEY, b'"key":"\\ud800'),
        "a lone surrogate in a later key of a keyset": _RM.replace(b'"keyset":[', b'"keyset":["x","\\udc00",'),
        # The sentence held the member's name as it is: SQLite refuses a surrogate, a terminal would act on the escape.
        "a member's name that cannot be stored": _UP.replace(b'"license"', b'"\\ud800"'),
        "a member's name that acts on terminals": _UP.replace(b'"license"', b'"\\u001b]52;c;eA==\\u0007"'),
        "a member's name without an end": _UP.replace(b'"license"', b'"' + b"x" * 60_000 + b'"'),
        # Readers of JSON disagree: found by atheris, of the oracle.
        "a lone surrogate in an unknown variant": b'{"Othe\\ud800r":"x"}\n',
    },
    "keystore": {
        # A library had raised Python's recursion limit: the process ended.
        "nested deeper than the stack": _DEEP,
        "nested objects": b'{"version":3,"crypto":' + b'{"a":' * 12_000,
    },
    "head": {"nested deeper than the stack": b"[" * 60_000},
    # RecursionError of tomllib instead of a sentence.
    "settings": {"nested deeper than the stack": b"theme = " + b"[" * 30_000},
    "answer": {"nested deeper than the stack": b"[" * 60_000},
}

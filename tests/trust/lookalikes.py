"""Names that are made to be taken for another one: one of each way."""

from __future__ import annotations

ORIGINAL = "Llama-3.1-8B-Instruct"

LOOK_ALIKES = {
    "homoglyph": "Ll\u0430m\u0430-3.1-8B-Instruct",  # Cyrillic a
    "invisible": "Ll\u200bama-3.1-8B-Instruct",
    "l for I": "Llama-3.1-8B-lnstruct",
    "1 for l": "L1ama-3.1-8B-Instruct",
    "rn for m": "Llarna-3.1-8B-Instruct",
    "signed by": "Llama-3.1-8B-Instruct (signed by 0x91b2..07aa)",
    "full width": "\uff2c\uff4c\uff41\uff4d\uff41-3.1-8B-Instruct",
    "combining marks": "Lla\u0307ma-3.1-8B-Instruct",
    "check mark": "Llama-3.1-8B-Instruct \u2713",
    "brackets": "[Llama-3.1-8B-Instruct]",
    "another dash": "Llama\u20103.1\u20108B Instruct",
    "mathematical letters": "\U0001d40b\U0001d425\U0001d41a\U0001d426\U0001d41a-3.1-8B-Instruct",
    "another case": "LLAMA-3.1-8B-INSTRUCT",
}

# Those that say of themselves what the program says beside names.
IMITATING = {"signed by", "check mark"}

"""The language in words, for `?` in the editor and `formfile --help`; written from the parser's own table."""

from __future__ import annotations

from textwrap import wrap

from .language import GPU_MEMORY_GB, INSTRUCTIONS, RECORD_PLACEHOLDERS, USER_KEYS

_WIDTH = 100


def language_help() -> str:
    """The help text: plain, at most 100 columns."""
    return "\n".join(
        [
            "A Formfile has one instruction a line. Names are upper case. A line that starts with # is a comment.",
            "",
            *_instructions(),
            "",
            "Keys of USER",
            *_table([(f"{key}:", says) for key, (_, says) in USER_KEYS.items()]),
            "",
            "GPU models",
            *_table([(model, f"{memory} GB") for model, memory in GPU_MEMORY_GB.items()]),
            "",
            "Placeholders",
            *_indented(
                "A {{ name }} in any value is filled in when the Formfile is rendered, and its range is checked then. "
                "Declare it with a comment of its own, with or without a default: #? name = default. The builder takes "
                "this line for a comment. A value stays one word; after INSTALL and EXPOSE it may be several."
            ),
            *_indented(f"Filled in from the record without a declaration: {', '.join(RECORD_PLACEHOLDERS)}."),
            "",
            "Secrets",
            *_indented(
                "A registered Formfile is public for ever. Passwords, their hashes, private keys and access tokens are "
                "refused, in comments too: put a placeholder there and give its value when you build."
            ),
            "",
        ]
    )


def _instructions() -> list[str]:
    rows: list[str] = []
    for spec in INSTRUCTIONS:
        says = spec.says
        if spec.numbers:
            says += f", {spec.numbers.range}"
        if spec.aliases:
            says += f"; also {' or '.join(spec.aliases)}"
        rows += [spec.syntax, *_indented(says)]
    return rows


def _indented(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _table(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(left) for left, _ in rows) + 2
    return [f"    {left:<{width}}{right}" for left, right in rows]


LANGUAGE: str = language_help()

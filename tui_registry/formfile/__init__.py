"""The Formfile language: parse, lint, format, render, generate. Text in, values out; nothing here does I/O.

No public function is named like its module: importing a module binds its name in the package, over a lazy export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .agreement import check_agreement, generate, record_values
    from .editor import LANGUAGE, Completion, Token, complete, tokens
    from .formatter import Rendered, format, format_parsed, render, wanted  # noqa: A004
    from .language import Declaration, Formfile, FormfileProblem, Instruction, Mode, Span, Template
    from .lines import parse
    from .recogniser import Recognised, recognise
    from .secrets import Secret, find_secrets

__all__ = [
    "LANGUAGE", "Completion", "Declaration", "Formfile", "FormfileProblem", "Instruction", "Mode",
    "Recognised", "Rendered", "Secret", "Span", "Template", "Token", "check_agreement", "complete", "find_secrets",
    "format", "format_parsed", "generate", "parse", "recognise", "record_values", "render", "tokens", "wanted",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("check_agreement", "generate", "record_values"), ".agreement"),
        **dict.fromkeys(("LANGUAGE", "Completion", "Token", "complete", "tokens"), ".editor"),
        **dict.fromkeys(("Rendered", "format", "format_parsed", "render", "wanted"), ".formatter"),
        **dict.fromkeys(
            ("Declaration", "Formfile", "FormfileProblem", "Instruction", "Mode", "Span", "Template"), ".language"
        ),
        "parse": ".lines",
        **dict.fromkeys(("Recognised", "recognise"), ".recogniser"),
        **dict.fromkeys(("Secret", "find_secrets"), ".secrets"),
    },
)

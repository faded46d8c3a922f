"""The Formfile language: parse, lint, format, render, generate. Text in, values out; nothing here does I/O.

No public function is named like its module: importing a module binds its name in the package, over a lazy export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .agreement import check_agreement as check_agreement
    from .completer import Completion as Completion
    from .completer import complete as complete
    from .formatter import format as format  # noqa: A004 - the public name
    from .formatter import format_parsed as format_parsed
    from .generator import generate as generate
    from .help import LANGUAGE as LANGUAGE
    from .highlighter import Token as Token
    from .highlighter import tokens as tokens
    from .model import Declaration as Declaration
    from .model import Formfile as Formfile
    from .model import FormfileProblem as FormfileProblem
    from .model import Instruction as Instruction
    from .model import Span as Span
    from .model import Template as Template
    from .parser import parse as parse
    from .recogniser import Recognised as Recognised
    from .recogniser import recognise as recognise
    from .renderer import Placeholder as Placeholder
    from .renderer import Rendered as Rendered
    from .renderer import record_values as record_values
    from .renderer import render as render
    from .renderer import wanted as wanted
    from .secrets import Secret as Secret
    from .secrets import find_secrets as find_secrets

_HOMES = {
    "LANGUAGE": ".help",
    "Completion": ".completer",
    "Declaration": ".model",
    "Formfile": ".model",
    "FormfileProblem": ".model",
    "Instruction": ".model",
    "Placeholder": ".renderer",
    "Recognised": ".recogniser",
    "Rendered": ".renderer",
    "Secret": ".secrets",
    "Span": ".model",
    "Template": ".model",
    "Token": ".highlighter",
    "check_agreement": ".agreement",
    "complete": ".completer",
    "find_secrets": ".secrets",
    "format": ".formatter",
    "format_parsed": ".formatter",
    "generate": ".generator",
    "parse": ".parser",
    "recognise": ".recogniser",
    "record_values": ".renderer",
    "render": ".renderer",
    "tokens": ".highlighter",
    "wanted": ".renderer",
}

__all__ = [
    "LANGUAGE", "Completion", "Declaration", "Formfile", "FormfileProblem", "Instruction", "Placeholder", "Recognised",
    "Rendered", "Secret", "Span", "Template", "Token", "check_agreement", "complete", "find_secrets", "format",
    "format_parsed", "generate", "parse", "recognise", "record_values", "render", "tokens", "wanted",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)

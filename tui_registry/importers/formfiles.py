"""A Formfile -> the draft of an agent that is built from it. The language: `tui_registry.formfile`."""

from __future__ import annotations

from pathlib import Path

from tui_registry.formfile import Formfile, parse
from tui_registry.formfile.language import Description, Disk, Gpu, Memory, Model, Name, Vcpu
from tui_registry.importers.draft_writer import Draft, draft_of_text, shown
from tui_registry.importers.formats import Reader, TextReader
from tui_registry.importers.untrusted import SourceError
from tui_registry.text import exact

_IN = "in the Formfile"
_LONGEST = 24_576
_MOST_MODELS = 64


def is_formfile(text: str) -> bool:
    """Whether a text is a Formfile: it names its instance, and something else stands in it."""
    if len(text) > 2 * _LONGEST:
        return False
    found = parse(text, secrets=False).instructions
    return len(found) > 1 and any(isinstance(one, Name) for one in found)


def read_file(path: Path) -> Draft:
    """The draft of a Formfile. Raises as `read_text`, and where the file cannot be read."""
    return draft_of_text(path, read_text)


def read_text(text: str, source: str, name: str) -> Draft:
    """The draft of the agent that a Formfile builds.

    Raises:
        SourceError: it is none.
    """
    if not is_formfile(text):
        raise SourceError("is no Formfile: it has no NAME, or nothing else")
    formfile = parse(text)
    draft = Draft("agent", source)
    named = next(one.value for one in formfile.instructions if isinstance(one, Name))
    draft.put("name", named if "{{" not in named else "", f"NAME {_IN}")
    draft.put("name", name, "the name of the file")
    for one in formfile.instructions:
        if isinstance(one, Description) and "{{" not in one.value:
            draft.put("description", one.value, f"DESCRIPTION {_IN}")
    draft.put("framework", {"Other": "Formfile"}, "not stated; a Formfile builds it")
    _put_resources(draft, formfile)
    _put_models(draft, formfile)
    draft.put("formfile_template", text.removeprefix("\ufeff"), "the Formfile as a whole")
    wrong = sum(problem.severity == "error" for problem in formfile.problems)
    if wrong:
        draft.note(f"it has {exact(wrong)} {'mistake' if wrong == 1 else 'mistakes'}: 'formfile lint' tells them")
    return draft


def _put_resources(draft: Draft, formfile: Formfile) -> None:
    """What the builder gives the instance is what its author thinks right; the least that it needs is not stated."""
    for one in formfile.instructions:
        match one:
            case Vcpu(count=int(number)):
                draft.put("resource_requirements.recommended_vcpus", number, f"VCPU {_IN}")
            case Memory(megabytes=int(number)):
                draft.put("resource_requirements.recommended_memory_mb", number, f"MEMORY {_IN}")
            case Disk(gigabytes=int(number)):
                draft.put("resource_requirements.recommended_disk_gb", number, f"DISK {_IN}")
            case Gpu(model=model):
                draft.note_unplaced([f"GPU {shown(model, 40)}"])
            case _:
                pass


def _put_models(draft: Draft, formfile: Formfile) -> None:
    models = [one for one in formfile.instructions if isinstance(one, Model) and "{{" not in one.model_id]
    draft.add("preferred_models", [one.model_id for one in models][:_MOST_MODELS], f"MODEL {_IN}")
    draft.behind.add_texts("required_models", [one.model_id for one in models if one.presence == "required"])


READER = Reader(text=TextReader(is_formfile, read_file, read_text))

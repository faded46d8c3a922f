"""How people spell licences, types, frameworks and quantisations, and how the registry does.

`normalise` is what a search does with a value: the case is put right, a known other spelling becomes the registry's,
the name of a family becomes its members, and anything else stays as it is (records may hold any text as `Other`). The
table is for searching only: what may be signed is the authoring rules' business. `field:=value` is taken literally.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from .folding import fold_case

# Canonical value -> other spellings, squeezed: lower case, without spaces and `-_./`.
_TYPES: Final = {
    "LLM": "llms languagemodel largelanguagemodel textgeneration",
    "Embedding": "embeddings embedder embed sentencesimilarity featureextraction",
    "Multimodal": "vlm vision visionlanguage imagetexttotext",
    "AudioProcessing": "audio speech asr tts stt",
    "ImageGeneration": "image images texttoimage text2image t2i diffusion",
    "Chatbot": "chatbots bot",
    "Assistant": "assistants",
    "DataAnalyst": "analyst dataanalysts dataanalysis",
    "CodeGenerator": "coder codegen coding codegeneration",
    "ContentCreator": "writer contentcreation",
    "Researcher": "research researchers",
}
_FRAMEWORKS: Final = {
    "PyTorch": "torch",
    "TensorFlow": "tf",
    "ONNX": "onnxruntime",
    "JAX": "flax",
    "CoreML": "",
    "LangChain": "",
    "AutoGPT": "",
    "CrewAI": "crew",
    "LlamaIndex": "gptindex",
    "BabyAGI": "",
    "CustomRust": "rust",
    "CustomPython": "python",
    "CustomJS": "js javascript customjavascript",
}
_QUANTISATIONS: Final = {
    "FP32": "float32 f32",
    "FP16": "float16 f16 half",
    "BF16": "bfloat16",
    "INT8": "8bit",
    "INT4": "4bit",
    "GPTQ": "",
    "GGUF": "",
    "AWQ": "",
}
_LICENCES: Final = {
    "MIT": "mitlicense mitlicence expat",
    "Apache-2.0": "apache apache2 apachelicense apachelicense2 apachelicense20 apachev2 asl2 asl20",
    "BSD-2-Clause": "bsd2 bsd2clause",
    "BSD-3-Clause": "bsd3 newbsd",
    "ISC": "",
    "MPL-2.0": "mpl mpl2",
    "CC0-1.0": "cc0",
    "CC-BY-4.0": "ccby ccby4",
    "CC-BY-SA-4.0": "ccbysa ccbysa4",
    "CC-BY-NC-4.0": "ccbync ccbync4",
    "CC-BY-ND-4.0": "ccbynd ccbynd4",
    "CC-BY-NC-SA-4.0": "ccbyncsa ccbyncsa4",
    "CC-BY-NC-ND-4.0": "ccbyncnd ccbyncnd4",
    "CC-BY-3.0": "",
    "CC-BY-SA-3.0": "",
    "GPL-2.0-only": "",
    "GPL-2.0-or-later": "gpl2+ gpl20+",
    "GPL-3.0-only": "",
    "GPL-3.0-or-later": "gpl3+ gpl30+",
    "LGPL-2.1-only": "",
    "LGPL-2.1-or-later": "lgpl21+",
    "LGPL-3.0-only": "",
    "LGPL-3.0-or-later": "lgpl3+ lgpl30+",
    "AGPL-3.0-only": "",
    "AGPL-3.0-or-later": "agpl3+ agpl30+",
    "BSL-1.0": "boost",
    "EUPL-1.2": "eupl",
    "OFL-1.1": "ofl",
    "ODbL-1.0": "odbl",
    "CDLA-Permissive-2.0": "",
    "Unlicense": "theunlicense",
    "WTFPL": "",
    "Zlib": "",
}
# A family stands for every one of its members: a record under any of them is what the searcher means. The first of each
# is an id that SPDX has given up for the others, and records still carry.
_GPL2: Final = ("GPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later")
_GPL3: Final = ("GPL-3.0", "GPL-3.0-only", "GPL-3.0-or-later")
_LGPL21: Final = ("LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later")
_LGPL3: Final = ("LGPL-3.0", "LGPL-3.0-only", "LGPL-3.0-or-later")
_AGPL3: Final = ("AGPL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later")
_FAMILIES: Final = {
    "bsd": ("BSD-2-Clause", "BSD-3-Clause"),
    "gpl": _GPL2 + _GPL3,
    "gpl2": _GPL2,
    "gpl20": _GPL2,
    "gpl3": _GPL3,
    "gpl30": _GPL3,
    "lgpl": _LGPL21 + _LGPL3,
    "lgpl21": _LGPL21,
    "lgpl3": _LGPL3,
    "lgpl30": _LGPL3,
    "agpl": _AGPL3,
    "agpl3": _AGPL3,
    "agpl30": _AGPL3,
}
TABLES: Final[dict[str, dict[str, str]]] = {
    "type": _TYPES,
    "framework": _FRAMEWORKS,
    "license": _LICENCES,
    "quant": _QUANTISATIONS,
}


def normalise(field: str, value: str) -> tuple[str, ...]:
    """The values that a search for `field:value` is for: one, or a family's members. Never none."""
    known = _known(field)
    if known is None:
        return (value,)
    exact, squeezed = known
    canonical = exact.get(fold_case(value))
    return (canonical,) if canonical is not None else squeezed.get(_squeeze(value), (value,))


def spellings() -> str:
    """The table in plain text, for the documentation: a line for each value that has other spellings."""
    lines: list[str] = []
    for field, table in TABLES.items():
        lines += [f"{field}:{value}  also  {', '.join(others.split())}" for value, others in table.items() if others]
    lines += [f"license:{family}  any of  {', '.join(members)}" for family, members in _FAMILIES.items()]
    return "\n".join(lines)


_Known: TypeAlias = tuple[dict[str, str], dict[str, tuple[str, ...]]]
_built: Final[dict[str, _Known]] = {}


def _known(field: str) -> _Known | None:
    """Canonical spelling by lower case, and values by squeezed spelling; built when a field is first searched for."""
    table = TABLES.get(field)
    if table is None:
        return None
    if field not in _built:
        exact = {fold_case(value): value for value in table}
        squeezed: dict[str, tuple[str, ...]] = {_squeeze(value): (value,) for value in table}
        squeezed |= {other: (value,) for value, others in table.items() for other in others.split()}
        if field == "license":
            squeezed |= _FAMILIES
        _built[field] = (exact, squeezed)
    return _built[field]


def _squeeze(value: str) -> str:
    return fold_case(value).translate(_PUNCTUATION)


_PUNCTUATION: Final = {ord(character): None for character in " -_./"}

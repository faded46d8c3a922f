"""Configurations that transformers itself writes, of every class in its tables: no type is stated that is not one.

transformers is for this test only, and large: it runs with the long ones, where it is installed.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import at
from tui_registry.importers import Finding, read_source
from tui_registry.importers.tasks import type_of_task

pytestmark = pytest.mark.long

# The table of an auto class -> tasks that its classes may be told to have, beside none
TASKS = {
    "CAUSAL_LM": ["text-generation", "image-text-to-text", "automatic-speech-recognition", "fill-mask"],
    "MASKED_LM": ["fill-mask", "text2text-generation"],
    "SEQ_TO_SEQ_CAUSAL_LM": [
        "text2text-generation", "translation", "automatic-speech-recognition", "audio-text-to-text",
        "image-text-to-text",
    ],
    "SPEECH_SEQ_2_SEQ": ["automatic-speech-recognition", "audio-text-to-text"],
    "IMAGE_TEXT_TO_TEXT": ["image-text-to-text", "robotics"],
    "SEQUENCE_CLASSIFICATION": ["text-classification"],
    "TOKEN_CLASSIFICATION": ["token-classification"],
    "QUESTION_ANSWERING": ["question-answering", "document-question-answering"],
    "MULTIPLE_CHOICE": ["multiple-choice"],
    "IMAGE_CLASSIFICATION": ["image-classification"],
    "SEMANTIC_SEGMENTATION": ["image-segmentation"],
    "OBJECT_DETECTION": ["object-detection"],
    "ZERO_SHOT_OBJECT_DETECTION": ["zero-shot-object-detection"],
    "DEPTH_ESTIMATION": ["depth-estimation"],
    "VIDEO_CLASSIFICATION": ["video-classification"],
    "AUDIO_CLASSIFICATION": ["audio-classification"],
    "CTC": ["automatic-speech-recognition"],
    "TEXT_TO_WAVEFORM": ["text-to-audio", "any-to-any"],
    "MASK_GENERATION": ["mask-generation"],
    "ZERO_SHOT_IMAGE_CLASSIFICATION": ["zero-shot-image-classification", "feature-extraction"],
    "MASKED_IMAGE_MODELING": [],
    "NEXT_SENTENCE_PREDICTION": [],
}  # fmt: skip


def tables(source: str) -> Iterator[tuple[str, str, str]]:
    """Each table of transformers' auto classes, model type and class, as they stand in its source."""
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args):
            continue
        name, rows = node.targets[0], node.value.args[0]
        if isinstance(name, ast.Name) and isinstance(rows, ast.List):
            table = name.id.removeprefix("MODEL_FOR_").removesuffix("_MAPPING_NAMES")
            for row in rows.elts:
                if isinstance(row, ast.Tuple):
                    model_type, classes = ast.literal_eval(row)
                    for one in (classes,) if isinstance(classes, str) else classes:
                        yield table, model_type, one


def test_no_configuration_of_transformers_is_given_a_type_that_it_has_not(tmp_path: Path) -> None:
    found = importlib.util.find_spec("transformers")
    pytest.importorskip("transformers")
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    auto: Any = pytest.importorskip("transformers.models.auto.configuration_auto")
    assert found is not None
    assert found.origin is not None
    errors: Any = pytest.importorskip("huggingface_hub.errors")
    # Some need torch, or arguments
    unwilling = (errors.StrictDataclassError, ImportError, KeyError, TypeError, ValueError, AttributeError)
    source = (Path(found.origin).parent / "models" / "auto" / "modeling_auto.py").read_text()
    told = read = 0
    for table, model_type, one in tables(source):
        folder = tmp_path / f"{table}-{model_type}-{one}"
        try:
            config = auto.CONFIG_MAPPING[model_type]()
            config.architectures = [one]
            config.save_pretrained(folder)
        except unwilling:
            continue
        (finding,) = read_source(folder)
        assert isinstance(finding, Finding)
        if "model_type" not in finding.origins:  # no class has a type in silence
            assert "model_type" in [problem.path for problem in finding.problems], (table, one)
        if table not in TASKS:
            continue  # what its classes are for, the table does not say
        read += 1
        if "model_type" not in finding.origins:
            continue
        told += 1
        allowed = [json.dumps(type_of_task(task)) for task in TASKS[table]]
        assert json.dumps(at(finding, "model_type")) in allowed, (table, one)
    assert read > 100
    assert told > read * 0.9

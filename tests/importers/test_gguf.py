"""GGUF headers made by hand: what a draft takes from them, and that no header, however wrong, does harm."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import F32, LIST, LLAMA, TEXT, U32, U64, at, gguf, text
from tui_registry.importers import Finding, SourceError, read_source
from tui_registry.importers.gguf import read_gguf_header


def read(path: Path) -> Finding:
    (found,) = read_source(path)
    assert isinstance(found, Finding)
    return found


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_either_version_and_byte_order_gives_the_same_draft(tmp_path: Path, version: int, order: str) -> None:
    tensors = [("token_embd.weight", (64, 32), 0, 0), ("blk.0.attn_q.weight", (256, 8), 12, 8192)]
    found = read(written(tmp_path, "a", gguf(LLAMA, tensors, order=order, version=version, data=20_000)))
    assert at(found, "name") == "Tiny Llama"
    assert at(found, "license") == "Apache-2.0"
    assert at(found, "parameters") == 64 * 32 + 256 * 8
    assert at(found, "context_length") == 8192
    assert at(found, "quantization") == "GGUF"
    assert at(found, "tags") == ["text-generation", "chat", "llama", "q4-k-m"]
    assert found.problems == ()
    assert found.notes == ()


def test_every_value_says_where_it_came_from(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.gguf", gguf(LLAMA)))
    assert found.origins["name"] == "general.name in the GGUF header"
    assert found.origins["context_length"] == "llama.context_length in the GGUF header"
    assert "shapes of the tensors" in found.origins["parameters"]
    assert "general.file_type 15" in found.origins["quantization"]
    assert "Q4_K_M" in found.origins["quantization"]
    assert "x 1.2" in found.origins["resource_requirements.min_memory_mb"]


@pytest.mark.parametrize(
    ("number", "wanted"), [(0, "FP32"), (1, "FP16"), (32, "BF16"), (7, "GGUF"), (15, "GGUF"), (38, "GGUF")]
)
def test_the_file_type_tells_the_quantisation(tmp_path: Path, number: int, wanted: str) -> None:
    found = read(written(tmp_path, "a.gguf", gguf([("general.file_type", U32, number)])))
    assert at(found, "quantization") == wanted


def test_without_a_known_file_type_most_tensors_tell_the_quantisation(tmp_path: Path) -> None:
    tensors = [("norm", (8,), 0, 0), ("w", (64, 64), 1, 32)]
    found = read(written(tmp_path, "a.gguf", gguf([("general.file_type", U32, 9999)], tensors, data=9000)))
    assert at(found, "quantization") == "FP16"
    assert found.origins["quantization"] == "the type of most tensors"


def test_a_type_of_tensors_that_nobody_knows_yet_is_told_as_it_is(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.gguf", gguf([], [("w", (64, 64), 99, 0)])))
    assert at(found, "quantization") == {"Other": "GGML type 99"}
    assert at(found, "parameters") == 64 * 64


@pytest.mark.parametrize(
    ("architecture", "wanted"),
    [("llama", "LLM"), ("nomic-bert", "Embedding"), ("qwen2vl", "Multimodal"), ("flux", "ImageGeneration"),
     ("whisper", "AudioProcessing")],
)  # fmt: skip
def test_the_architecture_tells_the_type(tmp_path: Path, architecture: str, wanted: str) -> None:
    found = read(written(tmp_path, "a.gguf", gguf([("general.architecture", TEXT, architecture)])))
    assert at(found, "model_type") == wanted


def test_a_file_without_a_name_and_licence_is_named_by_the_file_and_leaves_the_licence_open(tmp_path: Path) -> None:
    found = read(written(tmp_path, "some-model-Q8_0.gguf", gguf([])))
    assert at(found, "name") == "some-model-Q8_0"
    assert at(found, "license") == "LicenseRef-unstated"  # which claims none
    assert "stated nowhere" in found.origins["license"]


def test_a_model_card_beside_the_file_fills_what_the_header_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\npipeline_tag: text-generation\n---\n# X\n\nA small model for the tests of a registry.\n"
    )
    found = read(written(tmp_path, "a.gguf", gguf([("general.name", TEXT, "From the header")])))
    assert at(found, "name") == "From the header"
    assert at(found, "license") == "MIT"
    assert at(found, "description").startswith("A small model")
    assert found.origins["license"].startswith("license in the model card")


def test_text_that_is_not_utf8_is_left_out_and_noted(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.gguf", gguf([("general.name", TEXT, b"\xff\xfe"), *LLAMA[2:]])))
    assert at(found, "name") == "a"
    assert any("general.name" in note and "UTF-8" in note for note in found.notes)


def test_an_adapter_says_that_it_is_no_whole_model(tmp_path: Path) -> None:
    found = read(written(tmp_path, "a.gguf", gguf([("general.type", TEXT, "adapter")])))
    assert "this is an adapter, not a whole model" in found.notes


def test_a_file_that_is_cut_off_in_its_data_says_so_and_is_estimated_whole(tmp_path: Path) -> None:
    tensors = [("w", (1024, 1024, 1024), 0, 0)]
    found = read(written(tmp_path, "a.gguf", gguf(LLAMA, tensors, data=10)))
    assert any("cut off" in note for note in found.notes)
    assert [problem.sentence for problem in found.problems] == ["a.gguf is not whole: get it again"]
    assert at(found, "resource_requirements.min_memory_mb") == 5 * 1024  # 4 GB x 1.2


def test_a_file_that_lacks_a_few_bytes_says_how_many(tmp_path: Path) -> None:
    content = gguf(LLAMA, [("w", (1024, 1024), 0, 0)], data=4 * 1024**2)
    found = read(written(tmp_path, "a.gguf", content[:-60]))
    (note,) = [note for note in found.notes if "cut off" in note]
    sizes = [int(word.replace(",", "")) for word in note.split() if word[0].isdecimal()]
    assert 0 < sizes[0] - sizes[1] < 100


@pytest.mark.parametrize("tensors", [[], [("empty", (0, 4), 0, 4096)], [("w", (8,), 0, 0), ("empty", (0,), 0, 4096)]])
def test_padding_that_is_missing_at_the_end_is_no_data_that_is_missing(tmp_path: Path, tensors: Any) -> None:
    content = gguf(LLAMA, tensors, data=0)
    # The data begin at the next multiple of 32, and eight numbers take as many bytes
    content += bytes(-len(content) % 32 + 32) if len(tensors) == 2 else b""
    found = read(written(tmp_path, "a.gguf", content))
    assert found.problems == ()
    assert not any("cut off" in note for note in found.notes)


def test_a_part_that_is_cut_off_keeps_the_model_from_being_ready(tmp_path: Path) -> None:
    paths = parts(tmp_path, 3)
    paths[1].write_bytes(paths[1].read_bytes()[:-4000])
    paths[2].write_bytes(paths[2].read_bytes()[:40])
    found = read(paths[0])
    assert [problem.sentence for problem in found.problems] == [
        f"{path.name} is not whole: get it again" for path in paths[1:]
    ]


@pytest.mark.parametrize(
    "path", [r"C:\Users\bob\models\llama-7b", "/home/bob/llama-7b", "~/llama-7b/", "D:/x/llama-7b", r"models\llama-7b"]
)
def test_a_path_on_somebodys_disk_is_in_no_name_and_no_tag(tmp_path: Path, path: str) -> None:
    told = [("general.name", TEXT, path), ("general.tags", LIST, (TEXT, [path, "chat"]))]
    found = read(written(tmp_path, "a.gguf", gguf([*told, ("general.architecture", TEXT, "llama")])))
    assert at(found, "name") == "llama-7b"
    assert at(found, "tags") == ["chat", "llama"]
    assert len([note for note in found.notes if "somebody's disk" in note]) == 2


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([("general.architecture", TEXT, "brand-new")], None),
        ([], None),
        ([("general.architecture", TEXT, "brand-new"), ("brand-new.context_length", U32, 4096),
          ("tokenizer.ggml.model", TEXT, "gpt2")], "LLM"),
        ([("general.architecture", TEXT, "qwen3"), ("qwen3.pooling_type", U32, 3)], "Embedding"),
        ([("general.architecture", TEXT, "bert"), ("bert.pooling_type", U32, 4)], {"Other": "text-ranking"}),
    ],
)  # fmt: skip
def test_the_type_comes_from_the_header_or_is_not_stated(tmp_path: Path, values: Any, wanted: Any) -> None:
    found = read(written(tmp_path, "a.gguf", gguf(values)))
    assert ("model_type" in found.origins) == (wanted is not None)
    assert [problem.path for problem in found.problems] == ([] if wanted is not None else ["model_type"])
    assert wanted is None or at(found, "model_type") == wanted


# ---- split models --------------------------------------------------------------------------------------------------


def parts(folder: Path, count: int, *, leave_out: tuple[int, ...] = ()) -> list[Path]:
    paths = []
    for number in range(1, count + 1):
        values: list[tuple[str | bytes, int, Any]] = [("split.no", U32, number - 1), ("split.count", U32, count)]
        tensors = [(f"blk.{number}", (number, 100), 0, 0)]
        path = folder / f"big-{number:05}-of-{count:05}.gguf"
        paths.append(path)
        if number not in leave_out:
            path.write_bytes(gguf(values + LLAMA if number == 1 else values, tensors))
    return paths


@pytest.mark.parametrize("named", [0, 1, 2])
def test_any_part_of_a_split_model_gives_the_whole_model(tmp_path: Path, named: int) -> None:
    found = read(parts(tmp_path, 3)[named])
    assert at(found, "parameters") == 600
    assert at(found, "name") == "Tiny Llama"
    assert found.origins["parameters"] == "the shapes of the tensors of 3 parts"


def test_a_missing_part_is_noted_and_the_others_counted(tmp_path: Path) -> None:
    found = read(parts(tmp_path, 3, leave_out=(2,))[0])
    assert at(found, "parameters") == 400
    assert "part 2 of 3 cannot be read beside it: only the others were counted" in found.notes


def test_a_part_under_another_name_is_counted_alone_with_a_note(tmp_path: Path) -> None:
    found = read(parts(tmp_path, 2)[0].rename(tmp_path / "renamed.gguf"))
    assert at(found, "parameters") == 100
    assert any("does not say which one" in note for note in found.notes)


def test_a_split_model_is_one_finding_of_its_folder(tmp_path: Path) -> None:
    parts(tmp_path, 3)
    assert len(list(read_source(tmp_path))) == 1


def test_a_claim_of_a_billion_parts_is_not_followed(tmp_path: Path) -> None:
    path = written(tmp_path, "x-00001-of-00002.gguf", gguf([("split.count", U32, 2**32 - 1)]))
    assert any("only this part was counted" in note for note in read(path).notes)


# ---- hostile headers -----------------------------------------------------------------------------------------------

NESTED = struct.pack("<IQ", LIST, 1) * 10_000


HOSTILE = [
        (b"GGUF", "cut off"),
        (b"GGUF\x03\x00\x00\x00", "cut off"),
        (gguf(version=1), "version 1"),
        (gguf(version=4_000), "version 4,000"),
        (gguf(value_count=2**63), "9,223,372,036,854,775,808 values"),
        (gguf(value_count=2**64 - 1), "values: no model has that many"),
        (gguf(tensor_count=2**63), "tensors: no model has that many"),
        (gguf([], value_count=1), "bytes: at most 1,024"),
        (gguf(LLAMA)[:60], "cut off"),
        (gguf([(b"\xff\xff", U32, 1)]), "not UTF-8"),
        (gguf([("a", U32, 1), ("a", U32, 2)]), "twice"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", 77), "unknown type, 77"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IQ", TEXT, 2**63), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", LIST, TEXT, 2**63), "too long"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", LIST, F32, 2**62), "cut off"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", LIST) + NESTED, "nests lists"),
        (gguf([], [("w", (2**62, 2**62), 0, 0)]), "more elements than any machine"),
        (gguf([], [("w", (1,) * 9, 0, 0)]), "9 dimensions"),
        (gguf([], [("w" * 2000, (1,), 0, 0)]), "a tensor's name of 2,000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "part"), HOSTILE, ids=[part for _, part in HOSTILE])
def test_a_hostile_header_is_one_sentence(tmp_path: Path, content: bytes, part: str) -> None:
    found = read(written(tmp_path, "a.gguf", content))
    assert found.record is None
    (problem,) = found.problems
    assert problem.code == "header"
    assert part in problem.sentence
    assert "\n" not in problem.sentence


def test_what_no_field_holds_of_a_header_is_told(tmp_path: Path) -> None:
    more: list[tuple[str | bytes, int, Any]] = [
        ("general.base_model.0.url", TEXT, "https://huggingface.co/a/b"),
        ("general.doi", TEXT, "10.1/x"),
        ("general.sources", LIST, (TEXT, ["squad", "c4"])),
    ]
    found = read(written(tmp_path, "x.gguf", gguf([*LLAMA, *more])))
    said = "base_model.0.url https://huggingface.co/a/b; doi 10.1/x; sources squad, c4"
    assert found.notes == (f"no field holds what is stated here too: {said}",)


def test_no_more_than_the_header_is_read_of_a_file_of_forty_gigabytes(tmp_path: Path) -> None:
    many = [f"token {number}" for number in range(20_000)]
    values = [*LLAMA[:6], ("tokenizer.ggml.tokens", LIST, (TEXT, many))]
    tensors = [("w", (1024, 1024, 1024, 10), 0, 0)]
    path = written(tmp_path, "huge.gguf", gguf(values, tensors))
    with path.open("r+b") as file:
        file.truncate(41 * 1024**3)  # sparse: takes no room
    with path.open("rb", buffering=0) as raw:
        counted = CountingFile(raw)
        assert read_gguf_header(counted).parameters == 10 * 1024**3
    assert counted.count < 4 * 1024 * 1024
    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.notes == ()
    assert peak < 16 * 1024 * 1024
    assert at(found, "resource_requirements.min_disk_gb") == 42


class CountingFile(io.BufferedReader):
    """Counts the bytes that are asked of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_a_list_of_texts_is_skipped_across_the_chunks_that_are_read() -> None:
    long = ["x" * 300_000, "", "y" * 2_000_000, *["z" * 7] * 300_000]
    header = read_gguf_header_of(gguf([("tokenizer.ggml.tokens", LIST, (TEXT, long)), ("a.b", U64, 7)]))
    assert header.number("a.b") == 7


def read_gguf_header_of(content: bytes) -> Any:
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        return read_gguf_header(file)


def test_what_is_no_gguf_is_refused_by_the_reader() -> None:
    with pytest.raises(SourceError, match="is no GGUF file"):
        read_gguf_header_of(b"PK\x03\x04" + bytes(100))

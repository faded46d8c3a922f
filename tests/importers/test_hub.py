"""The Hub: a repository by its address, from documented answers replayed by a local server. Nothing asks the live one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from tests.importers.made import LLAMA, at, file, gguf, safetensors, tensor
from tests.importers.serving import Server, send, serving
from tui_registry.importers import CutShortError, Finding, SourceError
from tui_registry.importers.addresses import read_from_address
from tui_registry.importers.fetch import FetchBounds
from tui_registry.importers.huggingface_hub import HUB, Hub, Repository, repository_at

CARD = b"""---
license: apache-2.0
pipeline_tag: text-generation
library_name: transformers
tags: [chat, code]
---
# Tiny

Tiny is a model that fits into a test, and says so in its card.
"""
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 8192}
SHARDS = {
    "model-00001-of-00002.safetensors": {"a": tensor("BF16", (1024, 1024), 0, 2_097_152)},
    "model-00002-of-00002.safetensors": {"b": tensor("BF16", (1024, 512), 0, 1_048_576)},
}
FIRST, SECOND = SHARDS
INDEX = {"metadata": {"total_size": 3_145_728}, "weight_map": {"a": FIRST, "b": SECOND}}


def told(*names: str, **more: Any) -> dict[str, Any]:
    """The answer of `/api/models/acme/tiny?blobs=true`, with the members that the Hub documents."""
    return {
        "_id": "65f0", "id": "acme/tiny", "modelId": "acme/tiny", "author": "acme", "sha": "0" * 40,
        "lastModified": "2025-01-01T00:00:00.000Z", "private": False, "gated": False, "disabled": False,
        "downloads": 12, "likes": 1, "tags": ["safetensors", "license:apache-2.0"], "pipeline_tag": "text-generation",
        "library_name": "transformers", "createdAt": "2025-01-01T00:00:00.000Z",
        "siblings": [{"rfilename": name, "size": 1, "blobId": "1" * 40} for name in names],
        **more,
    }  # fmt: skip


def test_the_answers_replayed_here_are_such_as_the_official_client_reads() -> None:
    official = pytest.importorskip("huggingface_hub.hf_api")
    names = ["README.md", "config.json", FIRST]
    assert [one.rfilename for one in official.ModelInfo(**told(*names)).siblings or ()] == names


def in_parts(body: bytes) -> Any:
    """A file that is given in the ranges that are asked for, and counts what went out."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("range", ""))
        if match is None:
            send(handler, body)
            return
        start, end = int(match[1]), min(int(match[2]) + 1, len(body))
        span = {"content-range": f"bytes {start}-{end - 1}/{len(body)}"}
        send(handler, body[start:end], status=206, headers=span)

    return answer


def repository(files: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What the Hub answers for a repository of these files."""
    answers: dict[str, Any] = {"/api/models/acme/tiny?blobs=true": told(*files, **more)}
    for name, content in files.items():
        body = content if isinstance(content, bytes) or callable(content) else json.dumps(content).encode()
        answers[f"/acme/tiny/resolve/main/{name}"] = in_parts(body) if isinstance(body, bytes) else body
    return answers


SHARDED = {
    "README.md": CARD,
    "config.json": CONFIG,
    "model.safetensors.index.json": INDEX,
    **{name: safetensors(header) for name, header in SHARDS.items()},
}


@contextmanager
def hub_of(answers: Mapping[str, Any], *, files: tuple[str, ...] = ()) -> Iterator[tuple[Server, Hub]]:
    with serving(answers) as server:
        yield server, Hub(server.address, frozenset({"127.0.0.1"}), files)


def read(server: Server, hub: Hub, path: str = "/acme/tiny", bounds: FetchBounds | None = None) -> Finding:
    (found,) = read_from_address(server.address + path, None, bounds, hub)
    return found


# ---- addresses


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("https://huggingface.co/acme/tiny", Repository("acme/tiny")),
        ("https://hf.co/acme/tiny/", Repository("acme/tiny")),
        ("https://huggingface.co/acme/tiny/tree/v2", Repository("acme/tiny", "v2")),
        ("https://huggingface.co/acme/tiny/blob/main/README.md", Repository("acme/tiny", "main", "README.md")),
        (
            "https://huggingface.co/acme/tiny/resolve/main/q/tiny.gguf?download=true",
            Repository("acme/tiny", "main", "q/tiny.gguf"),
        ),
        ("https://huggingface.co/api/models/acme", None),
        ("https://huggingface.co/acme", None),
        ("https://huggingface.co/acme/models", None),
        ("https://huggingface.co/acme/tiny/discussions/1", None),
        ("https://huggingface.co/acme/..", None),
        ("https://example.org/acme/tiny", None),
    ],
)
def test_addresses_of_the_hub_are_told_from_others(address: str, repository: Repository | None) -> None:
    assert repository_at(httpx.URL(address), HUB) == repository


@pytest.mark.parametrize("what", ["datasets/acme/words", "spaces/acme/app"])
def test_what_is_no_model_is_told(what: str) -> None:
    with pytest.raises(SourceError) as caught:
        repository_at(httpx.URL(f"https://huggingface.co/{what}"), HUB)
    assert "is no model" in caught.value.sentence


# ---- what is read


def test_a_repository_is_read_from_its_card_its_configuration_and_the_headers_of_its_weights() -> None:
    with hub_of(repository(SHARDED)) as (server, hub):
        found = read(server, hub)
    assert found.source == f"{server.address}/acme/tiny"
    assert (at(found, "name"), at(found, "license")) == ("tiny", "Apache-2.0")
    assert (at(found, "parameters"), at(found, "quantization")) == (1_572_864, "BF16")
    assert (at(found, "context_length"), at(found, "model_type")) == (8192, "LLM")
    assert at(found, "tags") == ["chat", "code", "text-generation"]
    assert found.origins["name"] == "the repository's name"
    assert found.origins["parameters"] == "the shapes of the tensors in 2 files"
    place = f"its place {server.address}/acme/tiny, commit {'0' * 40}"
    assert found.notes == (f"no field holds what is stated here too: {place}",)


def test_the_digests_that_the_hub_tells_of_weights_are_in_the_manifest() -> None:
    answers = repository({"README.md": CARD, "config.json": CONFIG})
    siblings = [{"rfilename": "model.safetensors", "lfs": {"sha256": "ab" * 32, "size": 7}}]
    answers["/api/models/acme/tiny?blobs=true"]["siblings"] += siblings
    with hub_of(answers) as (server, hub):
        manifest = read(server, hub).manifest
    assert isinstance(manifest, dict)
    assert manifest["artifacts"] == [file("model.safetensors", 7, sha256="ab" * 32)]
    # The place of this server is nobody else's: it is told to the importer alone
    assert manifest["repository_url"] == ""


def test_a_gguf_file_of_a_repository_is_its_path_there_with_the_digest_that_the_hub_tells() -> None:
    answers = repository({"q/tiny.gguf": gguf(LLAMA)})
    answers["/api/models/acme/tiny?blobs=true"]["siblings"][0]["lfs"] = {"sha256": "cd" * 32, "size": 9}
    with hub_of(answers) as (server, hub):
        found = read(server, hub, "/acme/tiny/blob/main/q/tiny.gguf")
    assert isinstance(found.manifest, dict)
    size = len(gguf(LLAMA))
    assert found.manifest["artifacts"] == [file("q/tiny.gguf", size, sha256="cd" * 32, quantization="GGUF")]
    assert not found.files


def test_a_revision_is_asked_for_as_it_was_named() -> None:
    answers = {path.replace("/main/", "/v2/"): answer for path, answer in repository(SHARDED).items()}
    answers["/api/models/acme/tiny/revision/v2?blobs=true"] = answers.pop("/api/models/acme/tiny?blobs=true")
    with hub_of(answers) as (server, hub):
        found = read(server, hub, "/acme/tiny/tree/v2")
    assert at(found, "parameters") == 1_572_864
    assert found.source == f"{server.address}/acme/tiny/tree/v2"  # another model than the one on main


def test_only_the_header_of_a_file_of_gigabytes_is_fetched() -> None:
    """A file of 40 GB that is not there: the server makes up its zeros, and counts what it was asked for."""
    header = safetensors({"a": tensor("F16", (20_000_000_000,), 0, 40_000_000_000)}, data=0)
    size, sent = len(header) + 40_000_000_000, [0]

    def huge(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        first, last = map(int, handler.headers["range"].removeprefix("bytes=").split("-"))
        body = header[first : last + 1].ljust(last + 1 - first, b"\0")
        sent[0] += len(body)
        send(handler, body, status=206, headers={"content-range": f"bytes {first}-{last}/{size}"})

    with hub_of(repository({"config.json": CONFIG, "model.safetensors": huge})) as (server, hub):
        found = read(server, hub)
    assert at(found, "parameters") == 20_000_000_000
    assert at(found, "resource_requirements.min_disk_gb") == 39
    assert sent[0] <= 1024 * 1024


@pytest.mark.parametrize("words", [3, 200_000], ids=["short", "longer than the first bytes that are fetched"])
def test_a_gguf_file_is_read_by_its_address(words: int) -> None:
    values = [*LLAMA, ("tokenizer.ggml.merges", 9, (8, ["ab cd"] * words))]
    with hub_of(repository({"README.md": CARD, "tiny-Q4.gguf": gguf(values)})) as (server, hub):
        found = read(server, hub, "/acme/tiny/blob/main/tiny-Q4.gguf")
    assert found.source.endswith("/acme/tiny/blob/main/tiny-Q4.gguf")
    assert (at(found, "name"), at(found, "context_length")) == ("Tiny Llama", 8192)


def test_a_split_gguf_file_is_read_with_all_its_parts() -> None:
    split = [("split.count", 4, 2)]
    parts = {
        "tiny-00001-of-00002.gguf": gguf([*LLAMA, *split]),
        "tiny-00002-of-00002.gguf": gguf(split, [("v", (8, 8), 0, 0)]),
    }
    with hub_of(repository(parts)) as (server, hub):
        found = read(server, hub, "/acme/tiny/resolve/main/tiny-00002-of-00002.gguf")
    assert at(found, "parameters") == 32 + 64


def test_a_gguf_file_of_any_other_host_is_read_in_ranges_too() -> None:
    with serving({"/models/llama.gguf": in_parts(gguf(LLAMA))}) as server:
        (found,) = read_from_address(f"{server.address}/models/llama.gguf")
    assert (at(found, "name"), found.source) == ("Tiny Llama", f"{server.address}/models/llama.gguf")


def test_a_host_that_knows_no_ranges_is_read_up_to_the_header() -> None:
    with serving({"/models/llama.gguf": gguf(LLAMA), "/some/model.safetensors": SHARDED[FIRST]}) as server:
        (found,) = read_from_address(f"{server.address}/models/llama.gguf")
        (other,) = read_from_address(f"{server.address}/some/model.safetensors")
    assert at(found, "name") == "Tiny Llama"
    assert (at(other, "name"), at(other, "parameters")) == ("some", 1_048_576)


def test_a_repository_of_gguf_files_alone_says_what_the_hub_read_in_them() -> None:
    more = {"gguf": {"total": 7_000_000_000, "architecture": "llama", "context_length": 4096}}
    with hub_of(repository({"README.md": CARD, "a.gguf": b"", "b.gguf": b""}, **more)) as (server, hub):
        found = read(server, hub)
    assert (at(found, "parameters"), at(found, "context_length")) == (7_000_000_000, 4096)
    assert any("it has 2 GGUF files" in note for note in found.notes)


# ---- downloads that lie at another host


def elsewhere(target: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b"", status=302, headers={"location": target})

    return answer


def test_a_download_may_lead_to_the_hubs_own_hosts_and_nowhere_else() -> None:
    with serving({"/lfs/1": in_parts(SHARDED[FIRST])}) as other:
        moved = elsewhere(f"{other.address}/lfs/1")
        counted = {"total": 1_048_576, "parameters": {"BF16": 1_048_576}}
        files = {"README.md": CARD, "config.json": CONFIG, "model.safetensors": moved}
        with hub_of(repository(files, safetensors=counted), files=("127.0.0.1",)) as (server, hub):
            found = read(server, hub)
        assert found.origins["parameters"] == "the shapes of the tensors"
        asked = len(other.asked)
        with hub_of(repository(files, safetensors=counted), files=(".hf.co",)) as (server, hub):
            found = read(server, hub)
        assert len(other.asked) == asked
    assert (at(found, "parameters"), at(found, "quantization")) == (1_048_576, "BF16")
    assert found.origins["parameters"] == "what the Hub counted in the safetensors"
    assert any("redirects to another place" in note for note in found.notes)


# ---- what is refused


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (None, "is not there, or not for everybody to see"),
        (b"{", "is not JSON"),
        (b"[]", "is no JSON object"),
        (b'{"siblings": 4}', "holds neither a configuration nor a model card"),
        (b'{"siblings": [{"rfilename": "../../etc/passwd"}, {"rfilename": 7}, 7]}', "holds neither"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(answer: bytes | None, part: str) -> None:
    with hub_of({} if answer is None else {"/api/models/acme/tiny?blobs=true": answer}) as (server, hub):
        try:
            found = read(server, hub)
        except SourceError as error:
            said = error.sentence
        else:
            said = found.problems[0].sentence
    assert part in said
    assert "\n" not in said


def claims(span: str) -> Any:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, gguf(LLAMA)[:64], status=206, headers={"content-range": span})

    return answer


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (claims("bytes 0-63/64"), "the file is cut off"),
        (claims("bytes 0-63/9999999999999999999"), "does not tell how large"),
        (claims("bytes 0-63/*"), "does not tell how large"),
        (claims("bytes 10-63/64"), "does not give parts of files"),
        (claims("nonsense"), "does not give parts of files"),
        (in_parts(b"<html>"), "is neither GGUF nor safetensors"),
        (in_parts(safetensors(b"{}", length=2**60)), "is longer than"),
        (in_parts(gguf(LLAMA, value_count=2**63)), "no model has that many"),
        (None, "the host answers with status 404"),
    ],
    ids=["cut", "huge", "unsized", "shifted", "nonsense", "html", "long", "hostile", "missing"],
)
def test_a_file_that_is_none_is_one_sentence(answer: Any, part: str) -> None:
    answers = {} if answer is None else {"/x/tiny.gguf": answer}
    with serving(answers) as server, pytest.raises(SourceError) as caught:
        list(read_from_address(f"{server.address}/x/tiny.gguf", None, FetchBounds(seconds=20)))
    assert part in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_files_that_need_consent_are_told_and_the_rest_is_read() -> None:
    answers = repository({"README.md": CARD, "config.json": CONFIG}, gated="manual")

    def closed(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, b"Access to this model is restricted", status=401)

    answers["/acme/tiny/resolve/main/config.json"] = closed
    with hub_of(answers) as (server, hub):
        found = read(server, hub)
    assert at(found, "license") == "Apache-2.0"
    assert "config.json was not read: the Hub answers with status 401" in found.notes
    assert any("agreed to its terms" in note for note in found.notes)


def test_where_a_card_names_no_task_the_hub_tells_the_type() -> None:
    files = {
        "README.md": CARD.replace(b"pipeline_tag: text-generation\n", b""),
        "config.json": {"architectures": ["X"]},
    }
    with hub_of(repository(files, pipeline_tag="text-classification")) as (server, hub):
        found = read(server, hub)
    assert at(found, "model_type") == {"Other": "text-classification"}
    assert found.origins["model_type"] == "pipeline_tag text-classification, as the Hub tells it"


def test_what_the_card_says_goes_before_what_the_hub_tells() -> None:
    with hub_of(repository({"README.md": CARD, "config.json": CONFIG}, pipeline_tag="fill-mask")) as (server, hub):
        assert at(read(server, hub), "model_type") == "LLM"


def test_the_parts_of_a_model_of_sentence_transformers_are_fetched() -> None:
    modules = [
        {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    files = {
        "modules.json": modules,
        "0_Transformer/config.json": {"architectures": ["BertModel"], "max_position_embeddings": 512},
        "0_Transformer/sentence_bert_config.json": {"max_seq_length": 128},
        "0_Transformer/model.safetensors": safetensors({"a": tensor("F32", (10, 8), 0, 320)}),
    }
    with hub_of(repository(files, pipeline_tag=None)) as (server, hub):
        found = read(server, hub)
    assert (at(found, "model_type"), at(found, "context_length"), at(found, "parameters")) == ("Embedding", 128, 80)


def test_the_side_file_of_a_quantiser_is_fetched() -> None:
    files = {"README.md": CARD, "config.json": CONFIG, "quantize_config.json": {"bits": 4, "group_size": 128}}
    with hub_of(repository(files)) as (server, hub):
        assert at(read(server, hub), "quantization") == "GPTQ"


# ---- all models of an organisation

NAMES = ["acme/tiny", "acme/big"]


def listed(*names: str) -> list[dict[str, Any]]:
    """The answer of `/api/models?author=acme`, with the members that the Hub documents."""
    return [{"_id": "65f0", "id": name, "modelId": name, "private": False, "tags": [], "likes": 1} for name in names]


def organisation(pages: Sequence[Any]) -> dict[str, Any]:
    """What the Hub answers for an organisation whose models are listed on these pages; each is the same model."""
    answers = repository({"README.md": CARD, "config.json": CONFIG})
    for path in list(answers):
        answers[path.replace("acme/tiny", "acme/big")] = answers[path]
    for number, page in enumerate(pages):

        def give(handler: BaseHTTPRequestHandler, _: bytes, page: Any = page, number: int = number) -> None:
            host = f"http://{handler.headers['host']}"
            further = f'<{host}/api/models?author=acme&limit=20&cursor=c%2B{number + 1}>; rel="next"'
            send(handler, json.dumps(page).encode(), headers={"link": further} if number + 1 < len(pages) else {})

        cursor = f"&cursor=c%2B{number}" if number else ""
        answers[f"/api/models?author=acme&limit=20{cursor}"] = page if callable(page) else give
    return answers


@pytest.mark.parametrize("path", ["/acme", "/acme/models", "/api/models?author=acme"])
def test_an_organisation_gives_each_of_its_models_page_after_page(path: str) -> None:
    told: list[str] = []
    # A model that came in between moves the last of a page to the next one
    with hub_of(organisation([listed(NAMES[0]), listed(*NAMES)])) as (server, hub):
        found = list(read_from_address(server.address + path, None, None, hub, tell=told.append))
    assert [one.source.removeprefix(server.address) for one in found] == ["/acme/tiny", "/acme/big"]
    assert [at(one, "context_length") for one in found] == [8192, 8192]
    assert told[-1] == "1 model of acme read, asking for acme/big"


@pytest.mark.parametrize("path", ["/acme", "/acme/tiny", "/api/models?author=acme"])
def test_a_hub_at_another_host_is_found(path: str) -> None:
    page = b"<!doctype html><title>acme</title>"
    answers = {**organisation([listed(*NAMES)]), "/acme": page, "/acme/tiny": page}
    answers["/api/models/acme/tiny"] = told()
    with serving(answers) as server:
        found = list(read_from_address(server.address + path))
    assert [at(one, "context_length") for one in found] == [8192] * (1 if path == "/acme/tiny" else 2)


def busy(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    send(handler, b"", status=429)


def test_an_organisation_that_breaks_off_says_how_to_go_on() -> None:
    with hub_of(organisation([listed(NAMES[0]), busy])) as (server, hub):
        reading = read_from_address(f"{server.address}/acme", None, None, hub)
        assert next(reading).problems == ()
        with pytest.raises(CutShortError) as caught:
            next(reading)
    assert "status 429" in caught.value.sentence
    assert caught.value.sentence.endswith("1 was read before that; to go on there: --after c+1")


def test_a_hub_that_wants_to_be_asked_later_ends_the_list_and_is_no_half_description() -> None:
    answers = organisation([listed(NAMES[0]), listed(NAMES[1])])
    answers["/acme/big/resolve/main/config.json"] = busy
    with hub_of(answers) as (server, hub):
        reading = read_from_address(f"{server.address}/acme", None, None, hub)
        next(reading)
        with pytest.raises(CutShortError) as caught:
            next(reading)
        assert "answers config.json with status 429" in caught.value.sentence
        answers["/acme/big/resolve/main/config.json"] = json.dumps(CONFIG).encode()
        (rest,) = read_from_address(f"{server.address}/acme", None, None, hub, after=caught.value.cursor or "")
    assert at(rest, "context_length") == 8192


def test_a_model_that_is_not_for_everybody_does_not_end_the_list() -> None:
    answers = organisation([listed("acme/closed", *NAMES)])
    with hub_of(answers) as (server, hub):
        found = list(read_from_address(f"{server.address}/acme", None, None, hub))
    assert [one.record is None for one in found] == [True, False, False]
    assert "not for everybody to see" in found[0].problems[0].sentence


@pytest.mark.parametrize(
    "page",
    [
        [],
        {"error": "no such author"},
        b"[" * 1_000_000,
        listed("../../etc", "else/where", "acme/..", "acme/a/b"),
        [None, 3, {"id": 4}],
    ],
)
def test_a_list_that_names_no_models_is_one_sentence(page: Any) -> None:
    answers = {"/api/models?author=acme&limit=20": page}
    with hub_of(answers) as (server, hub):
        try:
            assert list(read_from_address(f"{server.address}/acme", None, None, hub)) == []
        except SourceError as error:
            assert "\n" not in error.sentence
        assert {path for _, path, _ in server.asked} == set(answers)


def test_pages_that_lead_elsewhere_are_asked_of_the_hub_itself() -> None:
    def give(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        link = {"link": '<https://example.org/api/models?author=acme&cursor=x>; rel="next"'}
        send(handler, json.dumps(listed("acme/tiny")).encode(), headers=link)

    answers = repository({"README.md": CARD, "config.json": CONFIG})
    answers["/api/models?author=acme&limit=20"] = answers["/api/models?author=acme&limit=20&cursor=x"] = give
    with hub_of(answers) as (server, hub), pytest.raises(CutShortError) as caught:
        list(read_from_address(f"{server.address}/acme", None, None, hub))
    assert "in circles" in caught.value.sentence


@pytest.mark.parametrize(
    "link",
    ["", "next", "<>; rel=next", "<http://[>; rel=next", "<?cursor=>; rel=next", "<//x:y>; rel=next", "<?author=b>;;=;rel",
     "<?cursor=x>; rel=prev", ",<" * 2_000],
)  # fmt: skip
def test_a_link_that_leads_to_no_page_ends_the_list(link: str) -> None:
    def give(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        send(handler, json.dumps(listed("acme/tiny")).encode(), headers={"link": link})

    answers = {**repository({"README.md": CARD}), "/api/models?author=acme&limit=20": give}
    with hub_of(answers) as (server, hub):
        assert len(list(read_from_address(f"{server.address}/acme", None, None, hub))) == 1


def test_an_address_of_the_hub_that_names_nobody_says_what_would() -> None:
    with hub_of({}) as (server, hub), pytest.raises(SourceError) as caught:
        list(read_from_address(server.address, None, None, hub))
    assert "/OWNER is somebody's models" in caught.value.sentence


def test_a_host_of_files_that_is_away_leaves_the_description_in_part() -> None:
    with serving({}) as other:
        gone = elsewhere(f"{other.address}/lfs/1")
    files = {"README.md": CARD, "config.json": CONFIG, "model.safetensors": gone}
    with hub_of(repository(files), files=("127.0.0.1",)) as (server, hub):
        found = read(server, hub)
    assert any("the headers of the weights were not read" in note for note in found.notes)
    assert found.stated == frozenset({"name"})  # so that a record which is here keeps what it has

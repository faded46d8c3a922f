"""What the terms of a query find."""

from __future__ import annotations

import pytest

from tui_registry.errors import Problem, Record
from tui_registry.query import Document, found_in, matches, parse

NOW = 1_790_000_000
NEEDS: Record = {"min_vcpus": 4, "min_memory_mb": 16_384, "min_disk_gb": 20, "min_vram_gb": 16}
MODEL = Document(
    "model",
    {
        "model_id": "ab" * 32, "name": "Qwen2.5-7B-Instruct", "owner_id": "7a1c" + "0" * 36, "license": "Apache-2.0",
        "description": "A code model, by the Qwen team.", "model_type": "LLM", "framework": {"Other": "Candle"},
        "parameters": 7_615_616_512, "quantization": "BF16", "context_length": 131_072, "tags": ["chat", "Two Words"],
        "output_tokens_per_second": 60, "created_at": NOW - 90 * 86_400, "updated_at": NOW - 3 * 86_400,
        "version": "2.5.0-rc1", "formfile_template": "", "resource_requirements": NEEDS, "capabilities": ["function calling"],
    },
    mine=True, problems=(Problem("name", "warning", "x", "x"),), owner_name="My-Lab",
)  # fmt: skip
AGENT = Document(
    "agent",
    {
        "agent_id": "cd" * 32, "name": "research-crew", "owner_id": "91b2" + "0" * 36, "license": "MIT",
        "description": "", "agent_type": "Researcher", "framework": "CrewAI", "preferred_models": ["ab" * 32],
        "tags": [], "created_at": 0, "updated_at": 0, "formfile_template": "FROM scratch", "capabilities": [],
        "tools": ["Browser"], "resource_requirements": {"min_vcpus": 1, "min_memory_mb": 512, "min_disk_gb": 5},
    },
    live_heads=2, problems=(Problem("name", "error", "x", "x"),),
    models=(("ab" * 32, "Qwen2.5-7B-Instruct"), ("cd" * 32, "another")),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "qwen2", "qwen2 inst", "qwe inst", "qwen25", "qwen 7b", "wen", "struct", "truct", "-qwe", "codemodel OR 2.5", "instr*", '"code model"', '"7b inst"*', "QWEN2.5-7b", "calling two", "kind:model",
        "type:llm", "framework:candle", "license:apache2", "quant:bf16", "tag:CHAT", 'tag:"two words"',
        'cap:"function calling"',
        "owner:0x7A1C", "owner:7a1c", "owner:my-lab", "id:abab", "params:7b", "params:7.6b", "params:<=8b", "ctx:128k",
        "ctx:>=32k", "vram:<24gb", "vram:16", "mem:16gb", "disk:<=20", "vcpus:<8", "tps:>50", "updated:7d",
        "updated:<4d", "updated:>2d", "created:3mo", "created:>1mo", "is:mine", "-is:conflict", "-is:invalid",
        "-has:formfile", "-chat OR qwen2", "type:LLM,Embedding", "-params:>8b", "name:qwen25", "name:inst 2.5", "name:struct", 'name:"2.5 7b"', "name:=qwen2.5-7b-instruct",
        "version:2", "version:v2.5", "version:2.5.0", "version:2.5.0-RC1",
    ],
)  # fmt: skip
def test_the_model_is_found(text: str) -> None:
    assert matches(parse(text, now=NOW), MODEL)


@pytest.mark.parametrize(
    "text",
    [
        '"qwe" chat', '"model code"', '"qwen 2.5 7"', '"wen"', '"struct"', "odel", "-chat", "-qwen", "-qwe*", "qwenchat", "kind:agent", "type:Other", "license:apache-1.0",
        "tag:two", "owner:91b2", "owner:0x91", "id:bab", "params:=7b", "params:<7b", "ctx:<128k", "vram:>16",
        "name:code", "name:=qwen2.5", 'name:"7b 2.5"', "version:2.5.1", "version:2.5.0-rc", "version:5",
        "updated:<3d", "updated:2026-01", "is:conflict", "is:invalid", "has:formfile", "model:ab", "tool:browser",
    ],
)  # fmt: skip
def test_the_model_is_not_found(text: str) -> None:
    assert not matches(parse(text, now=NOW), MODEL)


@pytest.mark.parametrize(
    "text",
    ["research", "kind:agent", "type:research", "framework:crew", "model:abab", "model:qwen2.5-7b-INSTRUCT", "-model:another", "tool:browser", "is:conflict",
     "is:invalid", "has:formfile", "updated:1970", "vcpus:1", "mem:<1gb", "browser"],
)  # fmt: skip
def test_the_agent_is_found(text: str) -> None:
    assert matches(parse(text, now=NOW), AGENT)


@pytest.mark.parametrize("comparison", ["params:>=0", "params:<1t", "ctx:>=0", "vram:<99", "tps:>=0"])
def test_what_is_not_stated_is_in_no_range_and_outside_of_every_one(comparison: str) -> None:
    unknown = Document(
        "model", {"parameters": 0, "context_length": None, "resource_requirements": {"min_vram_gb": None}}
    )
    for document in (unknown, AGENT):
        assert not matches(parse(comparison), document)
        assert matches(parse(f"-{comparison}"), document)


def test_counts_beyond_63_bits_are_clamped_on_both_sides() -> None:
    huge = Document("model", {"parameters": 2**64 - 1})
    assert matches(parse("params:>=18446744073709551615"), huge)
    assert matches(parse("params:<=9223372036854775807"), huge)
    assert not matches(parse("params:>9223372036854775807"), huge)


def test_every_word_that_is_looked_for_may_be_a_beginning() -> None:
    assert matches(parse("model qw"), MODEL)
    assert matches(parse("qw model"), MODEL)
    assert not matches(parse('"qw" model'), MODEL)
    assert matches(parse("qw* model"), MODEL)
    assert not matches(parse('model "qw"'), MODEL)
    assert matches(parse("qwen2 -qw"), MODEL)
    assert matches(parse("model qw tag:chat"), MODEL)


@pytest.mark.parametrize(
    ("query", "shown", "marked"),
    [
        ("qwen 7b", "Qwen2.5-7B-Instruct", "[Qwen]2.5-[7B]-Instruct"),
        ("qwen2.5 inst", "Qwen2.5-7B-Instruct", "[Qwen2.5]-7B-[Inst]ruct"),
        ("qwen25", "Qwen2.5-7B", "[Qwen2.5]-7B"),
        ("struct", "Qwen-Instruct", "Qwen-In[struct]"),
        ("deepsee", "Deep Seek, DeepSeek", "[Deep See]k, [DeepSee]k"),
        ('"code llama" -chat', "a code llama for chat, code", "a [code llama] for chat, code"),
        ("千问", "通义千问聊天", "通义[千问]聊天"),
        ("天", "通义千问聊天", "通义千问聊[天]"),
        ("cafe strass", "Café Straße", "[Café] [Straß]e"),
        ("llama OR chat", "CHAT llama", "[CHAT] [llama]"),
        ("r", "Qwen-Mistral", "Qwen-Mistral"),
        ("ar", "start", "start"),
        ("lm", "MiniLM", "Mini[LM]"),
        ("gb", "30GB, ugb", "30[GB], ugb"),
        ("net", "a .NET coder", "a .[NET] coder"),
        ("llama-3-1", "Llama-3.1-8B", "[Llama-3.1]-8B"),
        ("v1.5", "sd-v1-5, v1-50", "sd-[v1-5], v1-50"),
        ("ete", "e\u0301te\u0301 x", "[e\u0301te\u0301] x"),
        ("tag:chat", "chat", "chat"),
        ("x", "", ""),
    ],
)
def test_where_it_was_found(query: str, shown: str, marked: str) -> None:
    written = list(shown)
    for start, end in found_in(shown, parse(query).texts):
        written[start] = "[" + written[start]
        written[end - 1] += "]"
    assert "".join(written) == marked

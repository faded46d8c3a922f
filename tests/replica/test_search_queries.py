"""What people type, and what they must find first: over the sample data, and over names in many scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.replica.replicas import replica
from tests.seeds import NOW, owner, signed
from tui_registry.cli.demo import sample_ops
from tui_registry.datastore import Datastore
from tui_registry.query import QueryError

# The query -> the record that stands first, and how many are found.
SAMPLE = [
    ("qwen instruct", "Qwen2.5-72B-Instruct", 7),
    ("qwen 7b", "Qwen2.5-7B-Instruct", 4),
    ("Qwen 8b", "Qwen3-8B", 1),
    ("qwen25", "Qwen2.5-72B-Instruct", 7),
    ("qwen25-7b", "Qwen2.5-7B-Instruct", 2),
    ("qwen 2.5 7b", "Qwen2.5-7B-Instruct", 3),
    ("qwen2.5-7b-instruct", "Qwen2.5-7B-Instruct", 2),
    ("QWEN2.5-7B", "Qwen2.5-7B-Instruct", 2),
    ("qwe coder", "Qwen2.5-Coder-32B-Instruct", 1),
    ('"qwen 3"', "Qwen3-8B", 3),
    ("llama 3.1 8b", "Llama-3.1-8B-Instruct", 2),
    ("llama3.1", "Llama-3.1-8B-Instruct", 4),
    ("llama31", "Llama-3.1-8B-Instruct", 3),
    ("llama-3.3", "Llama-3.3-70B-Instruct", 1),
    ("llama 1b", "Llama-3.2-1B-Instruct", 1),
    ("llama gguf", "Llama-3.1-8B-Instruct-GGUF", 1),
    ("vision llama", "Llama-3.2-11B-Vision-Instruct", 1),
    ("405b", "Llama-3.1-405B-Instruct", 1),
    ("deepseek", "DeepSeek-R1", 3),
    ("deep seek", "DeepSeek-R1", 3),
    ("deepseek r1", "DeepSeek-R1", 2),
    ("deepseekr1", "DeepSeek-R1", 2),
    ("deepseek-r1-distill", "DeepSeek-R1-Distill-Qwen-7B", 1),
    ("deep coder lite", "DeepSeek-Coder-V2-Lite-Instruct", 1),
    ("seek", "DeepSeek-R1", 3),
    ("deepseekr", "DeepSeek-R1", 2),
    ("gptoss", "gpt-oss-20b", 2),
    ("gpto", "gpt-oss-20b", 2),
    ("llama-3-1-8b-instruct", "Llama-3.1-8B-Instruct", 2),
    ("qwen2-5-7b", "Qwen2.5-7B-Instruct", 2),
    ("gpt 120b", "gpt-oss-120b", 1),
    ("gpt j", "gpt-j-6b", 1),
    ("mixtral 8x7b", "Mixtral-8x7B-Instruct-v0.1", 1),
    ("8x7", "Mixtral-8x7B-Instruct-v0.1", 1),
    ("mistral v0.3", "Mistral-7B-Instruct-v0.3", 1),
    ("nemo", "Mistral-Nemo-Instruct-2407", 1),
    ("stablediffusion xl", "stable-diffusion-xl-base-1.0", 1),
    ("stable dif 3.5", "stable-diffusion-3.5-large", 1),
    ("coreml diffusion", "coreml-stable-diffusion-2-1-base", 1),
    ("phi4", "Phi-4", 1),
    ("phi 3 mini", "Phi-3-mini-4k-instruct-onnx", 2),
    ("phi35", "Phi-3.5-mini-instruct", 1),
    ("olmo2", "OLMo-2-0325-32B-Instruct", 2),
    ("olmoe", "OLMoE-1B-7B-0924-Instruct", 1),
    ("whisper turbo", "whisper-large-v3-turbo", 1),
    ("whisper-large-v3", "whisper-large-v3", 2),
    ("smol lm", "SmolLM2-135M-Instruct-GGUF", 2),
    ("smolvlm", "SmolVLM-Instruct", 1),
    ("minilm", "all-MiniLM-L6-v2", 1),
    ("bge m3", "bge-m3", 2),
    ("e5", "multilingual-e5-large", 1),
    ("gemma 3 4b", "gemma-3-4b-it", 1),
    ("gemma embed", "embeddinggemma-300m", 1),
    ("flux1", "FLUX.1-schnell", 1),
    ("a3b", "Qwen3-30B-A3B", 1),
    ("bitnet 1.58", "bitnet-b1.58-2B-4T", 1),
    ("babyagi", "BabyAGI", 1),
    ("baby agi", "BabyAGI", 1),
    ("auto gpt", "AutoGPT-Classic", 1),
    ("crew content", "crewAI-Content-Crew", 1),
    ("react", "LangGraph-ReAct", 1),
    ("openhands", "OpenHands", 1),
    ("researcher gpt", "GPT-Researcher", 1),
    ("swe agent", "SWE-agent", 1),
    ("rag", "LlamaIndex-RAGs", 1),
    ("text to image", "stable-diffusion-xl-base-1.0", 6),
    ("qwen -instruct", "Qwen3-8B", 5),
    ("sd xl", None, 0),
    ("mini lm", "all-MiniLM-L6-v2", 1),
    ("olm oe", "OLMoE-1B-7B-0924-Instruct", 1),
    ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct", 2),
    ("meta-llama/Llama-3.1-8B", "Llama-3.1-8B-Instruct", 2),
    ("https://huggingface.co/Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct", 2),
    ("https://huggingface.co/Qwen/Qwen2.5-7B-Instruct/tree/main?x=y#readme", "Qwen2.5-7B-Instruct", 2),
    ("huggingface.co/openai/gpt-oss-20b/", "gpt-oss-20b", 1),
    ("hf.co/bartowski/Llama-3.1-8B-Instruct-GGUF:Q4_K_M", "Llama-3.1-8B-Instruct-GGUF", 1),
    ("https://ollama.com/library/llama3.1:8b", "Llama-3.1-8B-Instruct", 2),
    ("ollama run llama3.1:8b", "Llama-3.1-8B-Instruct", 2),
    ("ollama pull llama3.1:8b-instruct-q4_K_M", "Llama-3.1-8B-Instruct", 2),
    ("ollama run phi4", "Phi-4", 1),
    ("git clone https://huggingface.co/BAAI/bge-m3", "bge-m3", 1),
    ("huggingface-cli download BAAI/bge-m3 tag:nothing", None, 0),
]

NAMES = (
    "通义千问-7B聊天", "书生·浦语2.5", "文心一言ERNIE-4", "日本語LLM", "ガイドAI", "ひらがなモデル", "한국어 언어모델 7B",
    "สวัสดีไทย-13B", "โมเดลภาษาไทย", "ແບບຈຳລອງລາວ", "គំរូភាសាខ្មែរ", "မြန်မာဘာသာစကား", "हिन्दी भाषा मॉडल", "نَموذج اللغة٣",
    "מודל שפה", "Русская модель-Ёж", "Μοντέλο ΓΛΩΣΣΑΣ", "Straße-Modell", "Modèle Français", "Ｆｕｌｌｗｉｄｔｈ－７Ｂ", "ﬁne-tuned",
    "Łódź-2", "tiếng Việt", "中文GPT4模型", "ｶﾀｶﾅ", ".NET-coder",
    "model-v1-5", "model-v1-57", "YOLOv8n", "SDXL-Turbo", "SD-XYZ",
)  # fmt: skip
SCRIPTS = [
    ("千问", "通义千问-7B聊天"),
    ("通义千问", "通义千问-7B聊天"),
    ("通", "通义千问-7B聊天"),
    ("聊天", "通义千问-7B聊天"),
    ("天", "通义千问-7B聊天"),
    ("千问 7b", "通义千问-7B聊天"),
    ("浦语2.5", "书生·浦语2.5"),
    ("ernie4", "文心一言ERNIE-4"),
    ("gpt4", "中文GPT4模型"),
    ("模型", "中文GPT4模型"),
    ("本語", "日本語LLM"),
    ("日本語llm", "日本語LLM"),
    ("ｶﾞｲﾄﾞ", "ガイドAI"),
    ("カナ", "ｶﾀｶﾅ"),
    ("モデル", "ひらがなモデル"),
    ("모델", "한국어 언어모델 7B"),
    ("한국", "한국어 언어모델 7B"),
    ("ไทย 13b", "สวัสดีไทย-13B"),
    ("ภาษา", "โมเดลภาษาไทย"),
    ("ລາວ", "ແບບຈຳລອງລາວ"),
    ("ភាសា", "គំរូភាសាខ្មែរ"),
    ("ဘာသာ", "မြန်မာဘာသာစကား"),
    ("हिन्दी मॉ", "हिन्दी भाषा मॉडल"),
    ("نموذج 3", "نَموذج اللغة٣"),
    ("שפה", "מודל שפה"),
    ("МОДЕЛЬ ёж", "Русская модель-Ёж"),
    ("еж", "Русская модель-Ёж"),
    ("net coder", ".NET-coder"),
    ("coder .n", ".NET-coder"),
    ("model 1.5", "model-v1-5"),
    ("ΜΟΝΤΕΛΟ", "Μοντέλο ΓΛΩΣΣΑΣ"),
    ("γλωσσας", "Μοντέλο ΓΛΩΣΣΑΣ"),
    ("strasse", "Straße-Modell"),
    ("francais", "Modèle Français"),
    ("fullwidth 7b", "Ｆｕｌｌｗｉｄｔｈ－７Ｂ"),
    ("fine", "ﬁne-tuned"),
    ("lodz", "Łódź-2"),
    ("tieng viet", "tiếng Việt"),
    ("yolo v8", "YOLOv8n"),
    ("sd xl", "SDXL-Turbo"),
]


@pytest.fixture(scope="module")
def sample() -> Iterator[Datastore]:
    """The records of the demo."""
    with replica() as datastore:
        datastore.apply((op.to_json() for ops in sample_ops(NOW).records for op in ops), source="demo")
        yield datastore


@pytest.fixture(scope="module")
def scripts() -> Iterator[Datastore]:
    """A model of each name."""
    with replica() as datastore:
        datastore.apply(signed(owner("scripts"), "model", name).to_json() for name in NAMES)
        yield datastore


@pytest.mark.parametrize(("query", "first", "found"), SAMPLE)
def test_what_is_typed_finds_first_what_is_meant(sample: Datastore, query: str, first: str, found: int) -> None:
    page = sample.search(query)
    assert (page.rows[0].name if page.rows else None, page.total) == (first, found)


@pytest.mark.parametrize(("query", "name"), SCRIPTS)
def test_a_name_is_found_in_its_own_script(scripts: Datastore, query: str, name: str) -> None:
    assert [row.name for row in scripts.search(query).rows][:1] == [name]


# What narrows by name, version and preferred model -> the names found, in order; and what is said of it.
FIELDS = [
    (
        "name:coder",
        ["Qwen2.5-Coder-32B-Instruct", "DeepSeek-Coder-V2-Lite-Instruct", "universal-sentence-encoder-large"],
        "",
    ),
    ("name:=bge-m3", ["bge-m3"], ""),
    ('name:"gpt oss 20b"', ["gpt-oss-20b"], ""),
    ("version:3.2 kind:model", ["Llama-3.2-11B-Vision-Instruct", "Llama-3.2-1B-Instruct"], ""),
    ("version:v0.0.10", ["Qwen-Agent"], ""),
    ("version:24", ["Mistral-Nemo-Instruct-2407", "Pixtral-12B-2409"], ""),
    ("mistral:7b", ["Mistral-7B-Instruct-v0.3"], "there is no field 'mistral': looked for 'mistral:7b' as words"),
    ("model:nobody", [], "no model here is called 'nobody'"),
]


@pytest.mark.parametrize(("query", "names", "note"), FIELDS)
def test_a_field_narrows_and_what_was_taken_otherwise_is_said(
    sample: Datastore, query: str, names: list[str], note: str
) -> None:
    page = sample.search(query)
    assert sorted(row.name for row in page.rows) == sorted(names)
    assert " ".join(page.notes) == note


def test_agents_are_found_by_the_name_of_a_model_that_they_prefer_and_whose_it_is_is_said(sample: Datastore) -> None:
    ids = {row.id: row for row in sample.search("kind:model", limit=1000).rows}
    for agent in sample.entries("kind:agent"):
        preferred = agent.record["preferred_models"]
        for model in preferred if isinstance(preferred, list) else ():
            row = ids[str(model)]
            page = sample.search(f'model:"{row.name.lower()}"')
            assert agent.id in {found.id for found in page.rows}
            assert page.notes[0].startswith(f"agents are looked for that prefer '{row.name.lower()}': the model of ")
    (offered, *_) = sample.complete("model:qwen2.5-cod", 17)
    assert (offered.insert, offered.records) == ("Qwen2.5-Coder-32B-Instruct", None)
    assert offered.detail


def test_a_strict_search_refuses_a_field_that_there_is_not(sample: Datastore) -> None:
    for ask in (sample.search, sample.facets):
        with pytest.raises(QueryError, match="there is no field 'mistral'"):
            ask("mistral:7b", strict=True)


@pytest.mark.parametrize(
    ("query", "near"),
    [
        ("qwn2.5 7b instrct", "Qwen2.5-7B-Instruct"),
        ("lama31", "Llama-3.1-8B-Instruct"),
        ("mixtral 9x8b", "Mixtral-8x7B-Instruct-v0.1"),
        ("deepsek-r1", "DeepSeek-R1"),
        ("whisper large license:gpl", "whisper-large-v3"),
        ("zzzyyyxxx", None),
    ],
)
def test_where_nothing_is_found_the_nearest_names_are_offered(sample: Datastore, query: str, near: str | None) -> None:
    page = sample.search(query)
    assert page.rows == []
    assert (page.near[0] if page.near else None) == near
    assert len(page.near) <= 3

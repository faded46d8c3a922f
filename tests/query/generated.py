"""Generated queries, texts and records, small enough that they often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from tui_registry.errors import Kind, Problem, Record
from tui_registry.query import Document, Node
from tui_registry.query.fields import FITS, LARGEST
from tui_registry.query.nodes import Match, Query, Range, Sort, Text, conjunction, disjunction, negation

NOW = 1_790_000_000
SAVED = {"fav": "llama sort:name", "chat only": "tag:chat OR lla", "deep": "@fav -code"}

WORDS = ("llama", "chat", "lla", "code", "7b", "café", "ß", "日本語", "DeepSeek", "deep-seek", "2.5", "c++", "千问")
FRAGMENTS = (
    *WORDS, "llama-3.1", "lla*", '"code llama"', '"code lla"*', '"open', "OR", "AND", "NOT", "or", "-", "(", ")", "*",
    "&", "params:<=8b", "params:7b", "params:7.0b", "params:1..", "params:8b..1b", "params:", "params:<", "ctx:32k",
    "ctx:>=32k", "vram:<1.5gb", "mem:16gb..32gb", "disk:>1tb", "vcpus:4", "tps:>50", "updated:2026-01", "updated:7d",
    "updated:>2026-01-01", "updated:<=2026", "created:1w..1mo", "updated:202", "kind:model", "type:embeddings,llm",
    "license:apache2", "license:gpl", "license:=GPL-3.0", "quant:gguf", "tag:chat", 'tag:"two words",chat',
    "cap:vision", "tool:browser", "needs:ab", "needs:llama", "from:llama", "from:AB", "eval:mmlu", "eval:MMLU>=0.7", "eval:mmlu>", 'eval:"a b=-3"', "eval:x<y", "eval:=x", "is:orph", "is:star", "is:new", "note:gpu", 'note:"try again",x', "note:-", "pulled:1d", "pulled:2026..", "has:note", "has:digest", "owner:0xAB", "owner:my-lab", "id:ff", "model:0", "model:llama", "name:lla", 'name:"code llama"', "name:=llama", "name:", "version:1", "version:v1.", "version:<1", "is:mine",
    "is:conflict,invalid", "has:formfile", "has:manifest", "fit:runs", "fit:off", "fit:24gb", "fit:24", "fit:lots", "status:act", "status:deprecated,withdrawn", "status:=frozen", "sort:-params", "sort:name", "parms:<8b", "https://x.y/z", "lab/lla", "Code/Code-Llama", "deep", "seek", "ollama", "run", "hf.co/a/llama:Q4_K_M",
    "@fav", '@"chat only"', "@deep", "@none", 'tag:"', ",",
)  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    """Query texts, most of them nearly right, some of them anything."""
    spaced = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(" ".join)
    packed = st.lists(st.sampled_from((*FRAGMENTS, " ", " ", '"', ":", "=", "\\", "..")), max_size=10).map("".join)
    return st.one_of(spaced, packed, st.text(max_size=40), st.text(alphabet='ab:-()"*,@=<>. \\OR71', max_size=30))


def leaves() -> st.SearchStrategy[Node]:
    numbers = st.one_of(st.none(), st.sampled_from((0, 1, 7, 8, 24, 4096, 7 * 10**9, 8 * 10**9 - 1, LARGEST)))
    ranges = st.tuples(st.sampled_from(("params", "ctx", "vram", "mem", "disk", "vcpus", "tps")), numbers, numbers)
    times = st.one_of(st.none(), st.sampled_from((0, 1_767_225_600, 1_769_903_999, 1_780_000_001, 253_402_300_799)))
    moments = st.tuples(st.sampled_from(("updated", "created", "pulled")), times, times)
    values = st.sampled_from(("LLM", "Embedding", "embeddings", "MIT", "GPL-3.0", "chat", "two words", 'a"b,\\', "=x"))
    hexes = st.sampled_from(("0", "ab", "f" * 64))
    return st.one_of(
        st.builds(Text, st.lists(st.sampled_from(("llama", "lla", "code", "7b", "deepseek", "2.5", "lam", "千问")), min_size=1, max_size=3).map(tuple),
                  st.booleans(), st.booleans()),
        st.builds(_path, st.lists(st.sampled_from(("llama", "code", "7b", "2.5", "千问")), min_size=2, max_size=4), st.integers(1, 3)),
        st.one_of(ranges, moments).filter(lambda bounds: bounds[1] is not None or bounds[2] is not None).map(_range),
        st.builds(Match, st.sampled_from(("type", "framework", "license", "quant", "tag", "cap", "tool")), values),
        st.builds(Match, st.just("status"), st.sampled_from(("Active", "Deprecated", "withdrawn", "frozen here"))),
        st.builds(Match, st.sampled_from(("id", "model", "needs", "from")), hexes),
        st.builds(Match, st.just("eval"), st.sampled_from(("MMLU", "mmlu>=0.7", "a b=-3", "gsm8k<71.5"))),
        st.builds(Match, st.sampled_from(("model", "needs", "from")), st.sampled_from(("llama", "Llama chat 1", "chat llama"))),
        st.builds(Match, st.just("name"), st.sampled_from(("llama", "LLAMA CHAT", "=x", 'a "b"', "café 2"))),
        st.builds(Match, st.just("version"), st.sampled_from(("1", "1.0", "1.0.0", "not a version"))),
        st.builds(Match, st.just("owner"), st.sampled_from(("0xab", "ab", "my-lab", "My Lab"))),
        st.builds(Match, st.just("kind"), st.sampled_from(("model", "agent"))),
        st.builds(Match, st.just("is"), st.sampled_from(("mine", "conflict", "invalid", "orphaned", "starred", "new", "watched"))),
        st.builds(Match, st.just("note"), st.sampled_from(("gpu", "try again", "c++", "千问"))),
        st.builds(Match, st.just("has"), st.sampled_from(("formfile", "manifest", "artifact", "digest", "note"))),
        st.builds(Match, st.just("fit"), st.sampled_from((*FITS, "24gb", "1gib", "1.5tb"))),
    )  # fmt: skip


def nodes() -> st.SearchStrategy[Node]:
    """Trees as the parser builds them."""

    def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(inner.map(negation), several.map(conjunction), several.map(disjunction))

    return st.recursive(leaves(), grown, max_leaves=8)


def queries() -> st.SearchStrategy[Query]:
    keys = st.sampled_from(("name", "updated", "created", "params", "context", "fit"))
    sorts = st.one_of(st.none(), st.just(Sort("relevance", False)), st.builds(Sort, keys, st.booleans()))
    return st.builds(Query, st.one_of(st.none(), nodes()), sorts, st.just(False))


def documents() -> st.SearchStrategy[Document]:
    prose = st.lists(st.sampled_from((*WORDS, "llamas", "Code-Llama")), max_size=4).map(" ".join)
    items = st.lists(st.sampled_from(("chat", "Chat", "code", "two words")), max_size=2)
    records = st.fixed_dictionaries(
        {
            "name": prose,
            "description": prose,
            "tags": items,
            "capabilities": items,
            "license": st.sampled_from(("MIT", "GPL-3.0")),
            "version": st.sampled_from(("1.0.0", "1.0.0-rc1", "not a version")),
            "owner_id": st.sampled_from(("ab" * 20, "cd" * 20)),
            "formfile_template": st.sampled_from(("", "FROM x")),
            "updated_at": st.sampled_from((0, 1_767_225_600, 1_780_000_000)),
            "created_at": st.sampled_from((0, 1_767_225_600)),
        }
    )
    models = st.fixed_dictionaries(
        {
            "model_id": st.sampled_from(("0" * 64, "ab" * 32)),
            "model_type": st.sampled_from(("LLM", {"Other": "embeddings"})),
            "parameters": st.sampled_from((0, 7 * 10**9, 7_615_616_512, 2**64 - 1)),
            "context_length": st.sampled_from((None, 4096, 32768)),
        }
    )
    agents = st.fixed_dictionaries(
        {"agent_id": st.just("ff" * 32), "agent_type": st.just("Chatbot"), "tools": items, "preferred_models": items}
    )
    problem = Problem("name", "error", "empty", "x")

    def document(
        common: Record, own: Record, mine: bool, heads: int, bad: bool, name: str | None, given: tuple[str | None, int]
    ) -> Document:
        kind: Kind = "model" if "model_id" in own else "agent"
        models = (("ab" * 32, "llama"), ("chat", "Llama chat 1"))
        return Document(kind, common | own, mine, heads, (problem,) if bad else (), name, models, *given)

    names = st.sampled_from((None, "my-lab", "My Lab"))
    bits = st.booleans()
    given = st.sampled_from(((None, 0), (None, 1), ("Deprecated", 1), ("Withdrawn", 2), ("frozen here", 1)))
    return st.builds(document, records, st.one_of(models, agents), bits, st.integers(1, 2), bits, names, given)


def _path(words: list[str], owner: int) -> Node:
    return Text(tuple(words), True, owner=min(owner, len(words) - 1))


def _range(bounds: tuple[str, int | None, int | None]) -> Node:
    field, low, high = bounds
    # What no number can be in has one form.
    return Range(field, 1, 0) if low is not None and high is not None and low > high else Range(field, low, high)

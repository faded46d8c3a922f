"""Searching the replica finds exactly what the query means (`query.matches`, plain Python), windows join up, counts
are right."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

import pytest
from hypothesis import example, given, note, settings, strategies as st

from tests.crdt import model
from tests.crdt.histories import key_of
from tests.laws import examples
from tests.query.generated import NOW as QUERY_NOW, queries
from tests.replica.replicas import replica, rows
from tests.seeds import NOW, make_record, seed, signed
from tui_registry import fit
from tui_registry.crdt import Identity, sign_up
from tui_registry.datastore import Datastore, Page, Row
from tui_registry.errors import Json, Kind, Record
from tui_registry.query import Document, QueryError, matches, parse
from tui_registry.query.evaluate import begins_name, is_in_name, stands_in
from tui_registry.query.fields import LARGEST
from tui_registry.query.folding import fold_case, searched_words
from tui_registry.records.schema import defaults
from tui_registry.records.types import ModelResourceRequirements
from tui_registry.records.wire import derive_manifest_id
from tui_registry.replica.catalogue.derived import facet_word, hex_word, name_word, variant_text
from tui_registry.replica.search import matching, relevance
from tui_registry.replica.store.stored import stored_id

OWNERS = [key_of("search one"), key_of("search two")]
NAMES = (
    "llama", "Llama-3.1", "lla", "llama chat", "Code Llama 7B", "chat-llama", "café", "cafe", "日本語モデル", "🤗", "A",
    "a", "B", "x" * 125, "llama\nchat", "%_", "\u202ellama", "tab\tname", "DeepSeek-R1", "deep seek", "CodeLlama",
    "Qwen2.5-VL", "通义千问-7B聊天", "Straße", "C++", ".NET bot", "สวัสดี", "GPT-4o",
)  # fmt: skip
PROSE = ("", "llama", "a llama for chat and code", "code\nllama", "llamas", "7b chat", "lla code llama")
PREFERRED = ("ab" * 32, "ff" * 32, "00" * 32, "abcd", "AB" * 32, "ab" * 33, "0x" + "ab" * 31, "ab gguf")
STATUSES: tuple[Json, ...] = (
    None, None, None, "Active", "Deprecated", "Withdrawn", {"Other": "frozen here"}, {"Other": "deprecated"},
)  # fmt: skip
REQUIREMENTS = ModelResourceRequirements().model_dump()
# 16 GB are too much for its card, and not for its memory
MACHINE = fit.Machine("", (fit.Gpu("", 12 * fit.GB),), 24 * fit.GB)
LABELS = ("chat", "Chat", "code", "two words", "llama", "vision")


def records(draw: st.DrawFn) -> Iterator[tuple[Identity, Kind, Record]]:
    for number in range(draw(st.integers(1, 12))):
        kind: Kind = draw(st.sampled_from(("model", "agent")))
        fields: dict[str, Json] = {
            "description": draw(st.sampled_from(PROSE)),
            "tags": draw(st.lists(st.sampled_from(LABELS), max_size=2)),
            "capabilities": draw(st.lists(st.sampled_from(LABELS), max_size=2)),
            "license": draw(st.sampled_from(("MIT", "mit", "GPL-3.0", "Apache-2.0"))),
            "formfile_template": draw(st.sampled_from(("", "FROM x"))),
            "version": draw(st.sampled_from(("1.0.0", "not a version"))),
        }
        if kind == "model":
            fields |= {
                "model_type": draw(st.sampled_from(("LLM", "Embedding", {"Other": "embeddings"}, {"Other": "chat"}))),
                "framework": draw(st.sampled_from(("PyTorch", "JAX", {"Other": "mlx"}))),
                "parameters": draw(st.sampled_from((0, 1, 7 * 10**9, 8 * 10**9, 2**63, 2**64 - 1))),
                "quantization": draw(st.sampled_from((None, "GGUF", {"Other": "Q4_K_M"}))),
                "context_length": draw(st.sampled_from((None, 7, 4096, 32768, 2**32 - 1))),
                "resource_requirements": draw(st.sampled_from((REQUIREMENTS, {**REQUIREMENTS, "requires_gpu": True}))),
                "output_tokens_per_second": draw(st.sampled_from((None, 0, 24))),
            }
        else:
            fields |= {
                "tools": draw(st.lists(st.sampled_from(LABELS), max_size=2)),
                "preferred_models": draw(st.lists(st.sampled_from(PREFERRED), max_size=2)),
            }
        at = draw(st.sampled_from((0, 1_767_225_600, 1_780_000_000, NOW, NOW + 86_400, NOW + 86_401, 253402300000)))
        owner = draw(st.sampled_from(OWNERS))
        record = make_record(kind, f"{draw(st.sampled_from(NAMES))}"[: 128 - 3] + f" {number}", **fields)
        record.update(owner_id=owner.address, created_at=at, updated_at=at)
        record[model.ID[kind]] = model.derived_id(kind, owner.address, str(record["name"]), at)
        yield owner, kind, record


@st.composite
def registries(draw: st.DrawFn) -> list[bytes]:
    """The ops of a few records; some of them written twice at once."""
    found = []
    for owner, kind, record in records(draw):
        base = sign_up(owner, kind, record)
        found.append(base.body)
        if draw(st.integers(0, 4)) == 0:
            for text in ("llama left", "code right"):
                found.append(sign_up(owner, kind, {**record, "description": text}, children=[base.hash], clock=2).body)
        if (status := draw(st.sampled_from(STATUSES))) is not None:
            given = manifest_of(kind, record, status)
            first = sign_up(owner, "manifest", given)
            found.append(first.body)
            if draw(st.integers(0, 4)) == 0:
                for said in ("left", "right"):
                    fields = {**given, "status_message": said}
                    found.append(sign_up(owner, "manifest", fields, children=[first.hash], clock=2).body)
    return draw(st.permutations(found))


def _measured(benchmark: str, value: str) -> Json:
    return {"benchmark": benchmark, "metric": "acc", "value": value, "source": ""}


def _artifact(digest: str | None) -> Json:
    return {"uri": "a.gguf", "media_type": "", "sha256": digest, "size_bytes": None, "quantization": None}


# What manifests say besides.
BEHIND: tuple[Record, ...] = (
    {},
    {"required_models": ["ab" * 32, "0" * 64], "evaluations": [_measured("MMLU", "0.70"), _measured("MMLU", "0.5")]},
    {
        "derived_from": [{"relation": "Finetune", "model_id": "ab" * 32, "name": "DeepSeek-R1", "sha256": None}],
        "artifacts": [_artifact(None)],
    },
    {
        "derived_from": [{"relation": {"Other": "x"}, "model_id": None, "name": "code llama", "sha256": None}],
        "artifacts": [_artifact("cd" * 32)],
        "evaluations": [_measured("two words", "-3"), _measured("mmlu", "71.5")],
    },
)


def manifest_of(kind: Kind, record: Record, status: Json) -> Record:
    """A manifest of a record that was never renamed."""
    subject = str(record[model.ID[kind]])
    fields: dict[str, Json] = {
        "manifest_id": model.manifest_id(subject),
        "subject_id": subject,
        "subject_kind": kind.capitalize(),
        "subject_name": record["name"],
        "status": status,
        **BEHIND[int(subject[:2], 16) % len(BEHIND)],
    }
    return defaults("manifest") | fields | {name: record[name] for name in ("owner_id", "created_at", "updated_at")}


@lru_cache(maxsize=1)
def _texts() -> tuple[str, ...]:
    return (
        "", "llama", "lla*", '"chat and code"', "llama -chat", "llama OR code", "café", "CAFE", "日本語", "7b", "ß", "deepseek", "DeepSeek", "deep-se", "codellama", "qwen25vl", "qwen2.5", "千问", "问", "聊",
        "lam", "eek", "hat -lla*", "c++", "c", "net", ".net", "gpt4", "ll 3", '"deep seek"', "วัส", "strasse", "-(eek OR c)",
        "lla* -eek* sort:name", "deep seek", "co dell", "ll ama chat", "deep seek -code", "2.5 vl", "seek/deep", "x/eek", "a/code-ll",
        "https://h.co/lab/Code-Llama/tree/main", "hf.co/lab/llama:Q4_K_M", "ollama run deepseek", "-a/llama", "name:lla", "name:deepseek -name:r1", 'name:"code llama"', "name:llama tag:chat",
        "name:=llama", '-name:="lla 1"', "version:1", "version:1.0 llama", "version:1.0.0", 'version:"not a version"',
        "needs:ab", "-needs:ab", "needs:DeepSeek-R1 llama", "needs:00", "from:ab", "from:deepseek-r1", 'from:"code llama"',
        "-from:a", "has:artifact", "has:digest", "-has:artifact llama", "eval:mmlu", "eval:MMLU>=0.7", "eval:mmlu<0.7 sort:name",
        "-eval:MMLU>=0.7", 'eval:"two words=-3"', "eval:mmlu>70,mmlu=0.5", "eval:nothing>1", "is:orphaned", "-is:orphaned",
        "llama is:orphaned", "is:orphaned sort:name", "eval:mmlu>=0.5 is:orphaned OR needs:ab",
        "model:x", "model:DeepSeek-R1", "name:eek OR version:2", "ode OR afe",
        "tag:chat", "tag:Chat", 'tag:"two words"', "cap:vision tool:code", "-tag:chat -kind:agent", "license:MIT",
        "license:=mit", "type:llm", "type:embeddings", "quant:gguf", "framework:mlx", "params:7b", "params:>1b",
        "params:<8b", "-params:>1b", "ctx:32k", "ctx:>=4096 llama", "is:conflict", "is:mine", "is:invalid", "-is:invalid",
        "fit:runs", "-fit:runs", "fit:offload,no llama", "fit:unknown", "fit:24gb", "-fit:1gb kind:model", "fit:9000gb sort:-fit",
        "has:formfile", "-has:formfile", "has:manifest", "llama has:manifest", "-has:manifest sort:name",
        "status:active", "-status:active", "status:deprecated", "status:WITHDRAWN,deprecated llama", "llama status:active",
        'status:"frozen here" OR status:=active', "-status:deprecated", "status:deprecated sort:name", "status:nonsense", f"owner:0x{OWNERS[0].address[:6]}", f"owner:{OWNERS[1].address}", "owner:my-lab",
        'owner:"My Lab"', "owner:MY-LAB", f"owner:{OWNERS[0].address[:4].upper()}", "id:a", "id:0", "model:ab", "model:0",
        "updated:2026", "updated:<2026-02", "created:1970", "llama OR params:7b", "(llama OR code) -(tag:chat params:7b)",
        "-(llama OR is:conflict)", "sort:name", "sort:-params", "sort:context", "sort:-context", "sort:created llama",
        "vram:>0", "mem:1gb", "vcpus:1", "disk:>1gb tps:24", "x" * 125, "kind:model llama sort:-updated", "owner:é",
        "is:starred", "-is:starred llama", "note:gpu", 'note:"try aga"', "has:note", "-note:try sort:name", "is:new", "-is:new",
        "is:new sort:name", "llama is:new", "pulled:1d", "pulled:<2026-07-15", "-pulled:>=2026-07", "is:starred OR note:gpu",
        "is:new OR is:starred", "is:new OR tag:chat", "-(is:new llama)", "pulled:2026 is:starred kind:model", "is:watched",
        "updated:>=1970 -has:formfile", "created:<2030 is:invalid", "params:>=0 is:invalid llama", "ctx:>6 tag:%hat",
        "created:>2000 updated:<2027", "-(params:<=8b -llama)", "params:<=8b OR -tag:chat OR mem:>=512mb sort:params",
    )  # fmt: skip


def document(datastore: Datastore, row: Row) -> Document:
    entry = datastore.entry(row.id)
    assert entry is not None
    models = tuple((model.id, model.name) for model in datastore.list_models(limit=1000).rows)
    heads = len(entry.live_heads)
    behind = datastore.manifests.get(row.id)
    assert behind is not None
    said = None if behind.manifest is None else variant_text(behind.manifest["status"])
    status = None if said == "Active" else said
    owner_name, versions = entry.owner_name, len(behind.live_heads)
    least = fit.least(fit.needs(entry.record, behind.manifest)) if entry.kind == "model" else None
    need = None if least is None else min(least.total, LARGEST)
    named = [str(item) for item in (behind.manifest or {}).get("required_models") or []]  # type: ignore[union-attr]
    made_from = [item["model_id"] for item in (behind.manifest or {}).get("derived_from") or []]  # type: ignore
    named += [str(item) for item in (*made_from, *(entry.record.get("preferred_models") or [])) if item]  # type: ignore
    here = {identifier for identifier, _ in models}
    came = [
        one
        for one in (*datastore.history(row.id), *datastore.history(derive_manifest_id(row.id)))
        if one.is_head and one.source is not None and one.arrived_at is not None
    ]
    (looked,) = rows(datastore, "SELECT looked FROM replica")[0]
    own = datastore.stars.of(row.id)
    orphaned = any(target not in here for target in named if stored_id(target))
    return Document(
        entry.kind, entry.record, entry.mine, heads, entry.problems, owner_name, models, status, versions, need, MACHINE,
        behind.manifest, orphaned, own.starred_at is not None, own.note, any(one.place >= looked for one in came),  # type: ignore[operator]
        tuple(one.arrived_at for one in came if one.arrived_at is not None),
    )  # fmt: skip


def rows_or_refusal(datastore: Datastore, query: str, cursor: str | None = None) -> list[Row]:
    """The rows, or none when the search was refused in words. Any other error comes out."""
    try:
        return datastore.search(query, cursor=cursor).rows
    except QueryError:
        return []


def walk(
    datastore: Datastore,
    query: str,
    *,
    limit: int,
    kind: Kind | None = None,
    sort: str | None = None,
    counted: bool = True,
    named_first: bool = False,
) -> list[Page]:
    pages = []
    cursor = None
    while True:
        page = datastore.search(
            query, limit=limit, cursor=cursor, kind=kind, sort=sort, counted=counted, named_first=named_first
        )
        pages.append(page)
        cursor = page.next
        if cursor is None:
            return pages
        assert len(pages) < 100


@contextmanager
def narrow() -> Iterator[None]:
    """Bounds so low that a dozen records are many: every way of reading a window is taken."""
    bounds = (
        (relevance, "_BLOCK", 3), (relevance, "RANKED", 2), (matching, "LISTED", 5), (matching, "_CHECKED", 3),
        (matching, "_LOOKED_UP", 1), (matching, "_NEWEST", 2), (matching, "_SMALL_PART", 2.0), (matching, "FEW", 2),
        (matching, "_MANY", 4), (matching, "_MANY_WORDS", 5), (matching, "_SAMPLED_FOR_SHARE", 2),
        (matching, "_DENSE", 0.4), (matching, "_SOON", (2, 3, 4)),
        (matching, "_NEAR", (1, 2)), (relevance, "_MOST_MARKS", 6),
    )  # fmt: skip
    before = [(module, name, getattr(module, name)) for module, name, _ in bounds]
    try:
        for module, name, value in bounds:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@pytest.mark.parametrize("bounds", [nullcontext, narrow])
@settings(max_examples=examples(12, 100))
@given(
    registries(),
    st.lists(st.sampled_from(_texts()), min_size=1, max_size=12, unique=True),
    st.lists(queries(), max_size=6),
)
def test_search_finds_exactly_what_the_query_means(
    bounds: Callable[[], AbstractContextManager[None]], bodies: list[bytes], texts: list[str], trees: list[object]
) -> None:
    with bounds(), replica() as datastore:
        datastore.apply(bodies[: len(bodies) // 2])
        datastore.news.seen()
        datastore.apply(bodies)
        for place, row in enumerate(datastore.search(limit=1000).rows):
            datastore.stars.star([row.id], starred=place % 3 == 0)
            datastore.stars.note(row.id, ("", "try again on the GPU", "Gpus")[place % 3])
        datastore.names.set(OWNERS[0].address, "My Lab")
        datastore.names.set(OWNERS[1].address, "my-lab")
        datastore.machine = lambda: MACHINE
        everything = datastore.search(limit=1000).rows
        assert {row.id for row in everything} == set(model.state(bodies).catalogue)
        documents = {row.id: document(datastore, row) for row in everything}
        for text in [*texts, *map(str, trees)]:
            asked = parse(text, now=NOW)
            note(text)
            page = datastore.search(text, limit=1000)
            found = [row.id for row in page.rows]
            expected = {key for key, known in documents.items() if matches(asked, known)}
            assert set(found) == expected, text
            assert len(found) == len(expected)
            assert (page.total, page.exact, page.next) == (len(expected), True, None), text
            for kind in ("model", "agent"):
                of_kind = datastore.search(text, kind=kind, limit=1000).rows
                assert {row.id for row in of_kind} == {key for key in expected if documents[key].kind == kind}


@pytest.mark.parametrize("bounds", [nullcontext, narrow])
@settings(max_examples=examples(10, 50))
@given(registries(), st.lists(st.sampled_from(_texts()), min_size=1, max_size=8, unique=True), st.integers(1, 4))
def test_windows_give_each_record_once_in_the_order_of_the_whole(
    bounds: Callable[[], AbstractContextManager[None]], bodies: list[bytes], texts: list[str], limit: int
) -> None:
    with bounds(), replica() as datastore:
        datastore.apply(bodies)
        datastore.machine = lambda: MACHINE
        for text in texts:
            whole = datastore.search(text, limit=1000).rows
            pages = walk(datastore, text, limit=limit)
            assert [row for page in pages for row in page.rows] == whole, text
            assert all(len(page.rows) <= limit for page in pages)
            for page in pages:
                assert page.total == len(whole) if page.exact else page.total <= len(whole)
                assert page.exact or bounds is narrow
            uncounted = walk(datastore, text, limit=limit, counted=False)
            assert [row for page in uncounted for row in page.rows] == whole, text


@pytest.mark.parametrize("bounds", [nullcontext, narrow])
@settings(max_examples=examples(8, 50))
@given(
    registries(),
    st.lists(
        st.sampled_from(("llama", "chat", "code llama", "lla", "eek", "llama kind:model", "a")), min_size=1, max_size=3
    ),
    st.integers(1, 4),
)
def test_named_owners_come_first_within_each_rank_of_names_and_nothing_else_moves(
    bounds: Callable[[], AbstractContextManager[None]], bodies: list[bytes], texts: list[str], limit: int
) -> None:
    known = {OWNERS[0].address, OWNERS[1].address}
    with replica() as datastore:
        datastore.apply(bodies)
        for address in known:
            datastore.names.set(address, f"lab {address}")
        for text in texts:
            plain = datastore.search(text, limit=1000).rows
            tiers = {row.id: _tier(datastore, row, text) for row in plain}
            wanted = sorted(plain, key=lambda row: (tiers[row.id], row.owner not in known))
            with bounds():
                found = [row for page in walk(datastore, text, limit=limit, named_first=True) for row in page.rows]
                again = datastore.search(text, limit=1000, named_first=True).rows
            assert found == again
            if bounds is nullcontext:
                assert found == wanted
            # Many matches are put in order a block at a time, but each rank of names is whole.
            places = [(tiers[row.id], row.owner not in known) for row in found]
            assert places == sorted(places)
            assert sorted(found) == sorted(plain)


def _tier(datastore: Datastore, row: Row, text: str) -> int:
    """The rank of a name among those that a text finds."""
    asked = parse(text).texts
    held = searched_words(document(datastore, row).record)
    if held.name == [word for one in asked for word in one.named.words]:
        return 0
    if all(is_in_name(one, held.name, held.name_forms) for one in asked):
        return 1 if begins_name(asked[0], held.name) else 2
    outside = all(
        any(stands_in(one, column) for column in held) or is_in_name(one, held.name, held.name_forms) for one in asked
    )
    return 3 if outside else 4


@pytest.mark.parametrize("text", ["kf", "o", '"kf"', "i", '"i.deepseek"', "k"])
def test_words_that_the_index_makes_up_are_found_only_where_somebody_wrote_them(text: str) -> None:
    made_up = [facet_word("kind", "agent"), hex_word("owner", OWNERS[0].address), name_word("deepseek")]
    assert any(word.startswith(text.strip('"')) for word in made_up)
    with replica() as datastore:
        datastore.apply([signed(OWNERS[0], "agent", "DeepSeek-R1").body])
        assert datastore.search("kind:agent eep").total == 1
        assert not datastore.search(text).rows
        assert datastore.search(f"-{text}").total == 1
        datastore.apply([signed(OWNERS[0], "agent", "other", description=f"here: {text}").body])
        assert [row.name for row in datastore.search(text).rows] == ["other"]


@pytest.mark.parametrize("query", ["deep/seek", "deep/seek r1", "code/llama", "deep/se"])
def test_an_owner_that_is_written_together_with_the_name_is_found_once(query: str) -> None:
    names = ["deepseek", "DeepSeek-R1", "deep seek", "seek deep", "code-llama", "CodeLlama", "llama", "deep"]
    with replica() as datastore:
        datastore.apply(signed(OWNERS[0], "model", name).body for name in names)
        whole = datastore.search(query, limit=100).rows
        assert whole
        with narrow():
            windows = [row for page in walk(datastore, query, limit=2, counted=False) for row in page.rows]
        assert sorted(windows) == sorted(whole)


def test_time_zero_and_times_far_in_the_future_rank_alike_however_many_are_asked_for() -> None:
    with replica() as datastore:
        times = (0, NOW * 2, 1, 0, NOW * 2, 5)
        datastore.apply(signed(OWNERS[0], "model", f"llama {n}", at=at).body for n, at in enumerate(times))
        whole = datastore.search("llama", limit=1000).rows
        assert [row.updated_at for row in whole[:2]] == [5, 1]
        for limit in (1, 2, 3):
            assert [row for page in walk(datastore, "llama", limit=limit) for row in page.rows] == whole


def test_a_window_that_is_not_counted_leaves_the_count_to_the_first_that_is() -> None:
    with replica() as datastore:
        seed(datastore, 30)
        for text in ("kind:model", "number", "type:llm", "number sort:name"):
            counted = datastore.search(text, limit=3)
            first = datastore.search(text, limit=3, counted=False)
            assert (first.rows, first.total, first.exact) == (counted.rows, 3, False)
            second = datastore.search(text, limit=3, cursor=first.next, counted=False)
            assert (second.total, second.exact) == (3, False)
            third = datastore.search(text, limit=3, cursor=second.next)
            assert (third.total, third.exact) == (counted.total, True)
            assert third.rows == datastore.search(text, limit=9).rows[6:]


def stands(time: int) -> tuple[bool, int]:
    """Where a time stands among others: far ahead it comes last, and a little ahead it counts as that of arrival."""
    return (True, time) if time > NOW + 86_400 else (False, min(time, NOW))


def reversed_(place: tuple[bool, int]) -> tuple[bool, int]:
    return place[0], -place[1]


ORDERS = {
    "sort:name": lambda row: row.name.lower(),
    "sort:params": lambda row: (row.parameters == 0, row.parameters),
    "sort:-params": lambda row: (row.parameters == 0, -row.parameters),
    "sort:created": lambda row: stands(row.created_at),
    "sort:-created": lambda row: reversed_(stands(row.created_at)),
    "sort:updated": lambda row: stands(row.updated_at),
    "sort:-updated": lambda row: reversed_(stands(row.updated_at)),
    "sort:context": lambda row: (row.context_length is None, row.context_length or 0),
    "sort:-context": lambda row: (row.context_length is None, -(row.context_length or 0)),
    "sort:fit": lambda row: (row.need is None, row.need or 0),
    "sort:-fit": lambda row: (row.need is None, -(row.need or 0)),
}


@settings(max_examples=examples(12, 60))
@given(
    registries(),
    st.sampled_from(sorted(ORDERS)),
    st.sampled_from(("", "llama ", "kind:model ", "kind:agent ", "-tag:chat ")),
)
def test_the_order_is_what_sort_says(bodies: list[bytes], order: str, filters: str) -> None:
    with replica() as datastore:
        datastore.apply(bodies)
        found = [row for page in walk(datastore, f"{filters}{order}", limit=3) for row in page.rows]
        keys = [ORDERS[order](row) for row in found]
        assert keys == sorted(keys)
        last, cursor = [], None
        while True:
            page = datastore.search(f"{filters}{order}", limit=3, cursor=cursor, backwards=True)
            last[:0], cursor = page.rows, page.next
            if cursor is None:
                break
        assert last == found


@settings(max_examples=examples(12, 60))
@given(registries(), st.sampled_from(("llama", "code", "chat llama", "café", "lla", "deepseek", "eek", "千问")))
def test_free_text_finds_whole_names_then_beginnings_of_names_then_names_then_the_rest_then_the_inside_of_words(
    bodies: list[bytes], text: str
) -> None:
    exact = signed(OWNERS[0], "model", text, at=5)
    with replica() as datastore:
        datastore.apply([*bodies, exact.body])
        found = datastore.search(text, limit=1000).rows
        assert found[0].id == exact.key
        tiers = [_tier(datastore, row, text) for row in found]
        assert tiers == sorted(tiers)


def test_a_common_word_among_many_records_is_walked_in_windows_that_join_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (relevance, "_BLOCK", 7), (relevance, "RANKED", 5), (matching, "LISTED", 20),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    with replica() as datastore:
        seed(datastore, 60)
        for text in ("made for tests", "number", "model", "number -tag:llama", "llama"):
            whole = [row.id for page in walk(datastore, text, limit=5) for row in page.rows]
            assert len(whole) == len(set(whole))
            documents = {row.id: document(datastore, row) for row in datastore.search(limit=1000).rows}
            assert set(whole) == {key for key, known in documents.items() if matches(parse(text, now=NOW), known)}, text
            page = datastore.search(text, limit=5)
            if len(whole) > 20:
                assert not page.exact
                assert 5 <= page.total <= len(whole)
            else:
                assert (page.total, page.exact) == (len(whole), True)


def test_entries_streams_every_match_in_full_in_the_order_of_search() -> None:
    with replica() as datastore:
        seed(datastore, 30)
        assert [entry.id for entry in datastore.entries()] == [row.id for row in datastore.search(limit=1000).rows]
        assert [entry.id for entry in datastore.entries("llama")] == [row.id for row in datastore.search("llama").rows]
        assert all(entry.record["tags"] for entry in datastore.entries())


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "bnVsbA",
        "W10",
        "WzEsMl0",
        "WzEsMiwzLDQsNV0",
        "WyJhIiwiYiJd",
        "WzAsbnVsbCxudWxsXQ",
        "ü" * 9,
        "W" * 10_000,
    ],
)
@pytest.mark.parametrize("query", ["", "llama", "sort:name", "is:conflict"])
def test_a_cursor_of_another_search_is_refused_or_gives_rows_and_nothing_else_happens(query: str, cursor: str) -> None:
    with replica() as datastore:
        seed(datastore, 12)
        assert len(rows_or_refusal(datastore, query, cursor)) <= 12


@pytest.mark.parametrize("query", ["", "llama", "sort:name", "sort:-context"])
def test_every_cursor_is_refused_or_read_by_every_search(query: str) -> None:
    with replica() as datastore:
        seed(datastore, 12)
        cursors = [
            datastore.search(text, limit=2).next for text in ("", "llama", "sort:name", "sort:-context", "sort:params")
        ]
        for cursor in cursors:
            assert len(rows_or_refusal(datastore, query, cursor)) <= 12


def test_a_sort_that_is_none_is_refused() -> None:
    with replica() as datastore:
        seed(datastore, 3)
        for sort in ("bogus", "-bogus", "name extra", "name) OR (x"):
            with pytest.raises(QueryError):
                datastore.search(sort=sort)
        assert [row.name for row in datastore.search(sort="name").rows] == sorted(
            row.name for row in datastore.search().rows
        )


@given(st.text(max_size=60))
@example('"')
@example("* OR NOT")
@example("name:x")
@example("{a b} : c")
@example("NEAR(a b)")
@example("a\0b")
@example("\ud800")
@example("license:\ud800")
@example("tag:\ud800 -cap:\ud800")
@example("owner:\ud800")
@example('tag:"a\nb" OR tag:%_\\')
@example("tag:a\0b")
def test_any_text_is_searched_or_refused_in_words(text: str) -> None:
    with replica() as datastore:
        seed(datastore, 2)
        assert len(rows_or_refusal(datastore, text)) <= 2


def test_did_you_mean_proposes_words_that_are_here() -> None:
    with replica() as datastore:
        seed(datastore, 12)
        page = datastore.search("mistrl")
        assert page.rows == []
        assert page.did_you_mean is not None
        assert datastore.search(page.did_you_mean).rows
        assert datastore.search("qqqqqqqq").did_you_mean is None


def test_did_you_mean_keeps_the_rest_of_the_query_and_proposes_values_that_are_here() -> None:
    with replica() as datastore:
        seed(datastore, 12)
        for typed, meant in (
            ("mistrl kind:model", "mistral kind:model"),
            ("tag:mistrl sort:name", "tag:mistral sort:name"),
            ("license:mti", "license:MIT"),
            ("lamma -tag:nothing", "llama -tag:nothing"),
        ):
            page = datastore.search(typed)
            assert (page.rows, page.did_you_mean) == ([], meant)
            assert datastore.search(meant).rows


def test_did_you_mean_proposes_nothing_that_finds_nothing_or_is_no_plain_text() -> None:
    with replica() as datastore:
        seed(datastore, 12)
        assert datastore.search("mistrl kind:model tag:nothing-like-it").did_you_mean is None
        assert datastore.search("mistrl params:>100000b").did_you_mean is None
        datastore.apply([signed(OWNERS[0], "model", "escape", tags=["red\x1b[31m"]).body])
        assert datastore.search("tag:red31m").did_you_mean is None


def test_the_queries_of_the_strategy_know_this_clock() -> None:
    assert abs(QUERY_NOW - NOW) < 365 * 86_400
    assert fold_case("My Lab") == "my lab"


def test_a_template_of_white_space_is_no_formfile_for_the_index_and_for_the_meaning_of_a_query() -> None:
    op = signed(OWNERS[0], "model", "blank", formfile_template=" \n")
    with replica() as datastore:
        datastore.apply([op.body])
        (row,) = datastore.search().rows
        known = document(datastore, row)
        assert matches(parse("has:formfile", now=NOW), known) == bool(datastore.search("has:formfile").rows)


def test_what_fits_a_machine_that_nobody_knows_is_refused_with_what_to_write() -> None:
    with replica() as datastore:
        for text in ("fit:runs", "llama -fit:offload", "fit:no OR llama"):
            with pytest.raises(QueryError, match="which machine that is, is not known here: write fit:24gb"):
                datastore.search(text)
        assert datastore.search("fit:24gb").rows == []
        assert datastore.search("fit:unknown").rows == []
        datastore.machine = lambda: MACHINE
        assert datastore.search("fit:runs").rows == []
        datastore.machine = lambda: fit.Machine("", (fit.Gpu("", 2**62 - 1),) * 64)
        assert datastore.search("fit:runs").rows == []
        with pytest.raises(QueryError, match="a node does not know yours: write fit:24gb"):
            datastore.search("fit:runs", own_names=False)


def test_what_has_a_status_is_walked_along_an_index_of_its_own_in_every_order(
    datastore: Datastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    read = matching._read

    def noted(db: sqlite3.Connection, *rest: object) -> object:
        db.set_trace_callback(said.append)
        try:
            return read(db, *rest)  # type: ignore[arg-type]
        finally:
            db.set_trace_callback(None)

    keys = [datastore.add("model", make_record("model", f"r{number}", parameters=number)).key for number in range(12)]
    for key in keys[:4]:
        datastore.manifests.set(key, defaults("manifest") | {"status": "Deprecated"})
    for name in ("LISTED", "_CHECKED", "FEW"):
        monkeypatch.setattr(matching, name, 2)
    monkeypatch.setattr(matching, "_read", noted)
    for order in matching.ORDERS:
        for sign in ("", "-"):
            said.clear()
            found = datastore.search(f"status:deprecated,withdrawn kind:model sort:{sign}{order}", limit=3).rows
            assert {row.id for row in found} <= {*keys[:4]}
            assert len(found) == 3
            assert any("INDEXED BY catalogue_status_" in statement for statement in said)

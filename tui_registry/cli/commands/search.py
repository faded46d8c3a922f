"""`search QUERY`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli import list_options
from tui_registry.cli.errors import UsageError
from tui_registry.cli.parser import examples, words


def arguments(parser: ArgumentParser) -> None:
    """What `search` takes."""
    from tui_registry.query.sentences import GRAMMAR

    parser.usage = "tui-registry search [options] QUERY"
    parser.description = f"Find models and agents by words and fields.\n\n{list_options.LIMITS}"
    parser.epilog = "\n".join(
        (
            examples(
                "tui-registry search llama",
                "tui-registry search 'llama params:<=8b license:apache-2.0'",
                "tui-registry search --json 'kind:model ctx:>=128k' | jq -r .id",
                "tui-registry search -- -deprecated        (a query that begins with '-' comes after '--')",
                "tui-registry search --facets kind:model        (how many have which licence, size, tag and so on)",
                "tui-registry search --save small 'type:LLM params:<=8b'        (then: search @small llama)",
            ),
            "",
            "the query language:",
            "",
            GRAMMAR,
        )
    )
    parser.add_argument("query", nargs="*", type=words, metavar="QUERY", help="several words make one query")
    list_options.arguments(parser)
    saved = parser.add_mutually_exclusive_group()
    saved.add_argument("--facets", action="store_true", help="count the values that the found records have, 30 a field")
    saved.add_argument("--save", metavar="NAME", help="keep the query under a name, for @NAME, and list nothing")
    saved.add_argument("--saved", action="store_true", help="list the saved searches")
    saved.add_argument("--forget", metavar="NAME", help="forget a saved search")


def run(args: Namespace) -> int:
    """List what the query finds, best first, or count what is in it; or keep it, or list or forget what was kept."""
    query = " ".join(args.query)
    if args.saved or args.forget is not None:
        if query:
            raise UsageError("--saved and --forget take no query")
        return _list_saved(args) if args.saved else _forget(args)
    if args.facets:
        return _count(args, query)
    if not args.query:
        raise UsageError("there is no query: 'list models' lists all models, 'search --help' explains queries")
    if args.save is not None:
        return _save(args, query)
    from tui_registry.cli import listing

    return listing.run(args, query, None)


def _count(args: Namespace, query: str) -> int:
    if args.sort is not None or args.limit is not None:
        raise UsageError("--facets counts what is found: --sort and --limit are for lists")
    from tui_registry.cli import facets

    return facets.run(args, query)


def _save(args: Namespace, query: str) -> int:
    from tui_registry.cli.listing import pointed
    from tui_registry.cli.output import note
    from tui_registry.cli.registry import open_registry
    from tui_registry.query.nodes import QueryError

    name: str = args.save.removeprefix("@")
    try:
        with open_registry(args) as datastore:
            datastore.save_search(name, query)
    except QueryError as error:
        raise pointed(error, query) from error
    note(f"saved: 'search @{name}' asks it")
    return 0


def _forget(args: Namespace) -> int:
    from tui_registry.cli.registry import open_registry

    name: str = args.forget.removeprefix("@")
    with open_registry(args) as datastore:
        datastore.drop_search(name)
    return 0


def _list_saved(args: Namespace) -> int:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.cli.registry import open_registry
    from tui_registry.text import safe_text

    with open_registry(args) as datastore:
        saved = datastore.saved_searches()
    widest = max(map(len, saved), default=0)
    for name, query in saved.items():
        if args.json:
            out_json({"name": name, "query": query})
        else:
            out(f"@{name:<{widest}}  {safe_text(query)}")
    if not saved:
        note("no search is saved: 'search --save NAME QUERY' saves one")
    return 0

"""`import SOURCE`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from tui_registry.cli.parser import examples, words


def arguments(parser: ArgumentParser) -> None:
    """What `import` takes."""
    from tui_registry.importers.formats import help_lines

    parser.description = (
        "Read descriptions of models and agents into drafts, and say what is wrong with them. With --register the\n"
        "drafts without errors are signed with this replica's key and registered; without it nothing is stored.\n\n"
        "SOURCE is a file, a folder (read with the folders in it) or an address. What it is, its content tells:\n"
        f"{help_lines(108)}\n"
        "Each value of a foreign description is told with where it came from, and what could not be read is noted.\n"
        "Records that are here already are left alone. Operations ('export --ops') are signed already: they are\n"
        "checked and stored as they are, whoever signed them.\n\n"
        "Exits with 1 when a description has errors; the others are registered all the same."
    )
    parser.epilog = examples(
        "tui-registry import models/",
        "tui-registry import Qwen2.5-7B-Instruct-Q4_K_M.gguf --set license=Apache-2.0 --register",
        "tui-registry import http://127.0.0.1:11434 --explain",
        "tui-registry import https://huggingface.co/Qwen/Qwen2.5-7B-Instruct",
        "tui-registry import https://agent.example.com --json | jq .record",
        "tui-registry import card.yaml --set license=Apache-2.0 --set tags=chat,code --register",
        "tui-registry import backup.ndjson --register --json | jq -r .status",
    )
    parser.add_argument("source", metavar="SOURCE", help="a file, a folder or an address")
    parser.add_argument("--register", action="store_true", help="register the drafts that have no errors")
    parser.add_argument("--kind", choices=("model", "agent"), help="for descriptions that do not say what they are")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="FIELD=VALUE",
        help="a value for every draft, in place of its own; can be given several times",
    )
    parser.add_argument("--explain", action="store_true", help="each value with where it came from, for every draft")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with status and problems")


def run(args: Namespace) -> int:
    """Show the drafts, or register them."""
    from tui_registry.cli.errors import FileError
    from tui_registry.cli.importing import Import
    from tui_registry.cli.output import note
    from tui_registry.cli.registry import open_registry
    from tui_registry.cli.writing import key_explained
    from tui_registry.importers import read_source
    from tui_registry.importers.formats import FILES
    from tui_registry.text import safe_text

    source: str = args.source
    with open_registry(args) as datastore, key_explained(datastore):
        work = Import(datastore, register=args.register, settings=args.set, as_json=args.json, explain=args.explain)
        for found in read_source(source, args.kind):
            work.take(found)
        work.finish()
    if not work.outcome.counts:
        raise FileError(f"there are no descriptions in {safe_text(source)}: {FILES} are read")
    note(work.summary())
    return 1 if work.outcome.failed else 0


def _setting(text: str) -> tuple[str, str]:
    field, equals, value = words(text).partition("=")
    if not equals or not field.strip():
        raise ArgumentTypeError("write FIELD=VALUE, such as license=Apache-2.0")
    return field.strip(), value

"""The command line's table: every command with its room, what it is for, what it takes and what does it.

To add a command, give it a row at the end of this module, a function that declares its arguments, and one in its room
that does it. Nothing heavy is imported here: every line that is typed passes through.
"""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from importlib import import_module

from tui_registry.frozen import NamedTuple
from tui_registry.present.pages import PAGES

# A table on a terminal ends after so many records, and a list of operations after so many.
RECORDS_SHOWN = 100
OPERATIONS_SHOWN = 50
REFUSED_SHOWN = 200

# What `completion` has a script for.
SHELLS = ("bash", "zsh", "fish")


class Command(NamedTuple):
    """A command.

    Attributes:
        room: the group in which the help lists it.
        summary: what it is for, on one line.
        arguments: declares on its parser what it takes; it may add to the help what must not be imported before.
        place: the module of `cli/` and the function in it, imported once the command is run.
        description: what its help says first.
        examples: lines of it.
        asks_nodes: with `--node` it asks a node in place of the replica on this machine.
    """

    name: str
    room: str
    summary: str
    arguments: Callable[[ArgumentParser], None]
    place: str
    description: str = ""
    examples: tuple[str, ...] = ()
    asks_nodes: bool = False

    def declare(self, parser: ArgumentParser) -> None:
        """Give its parser all that it takes, and its help."""
        parser.description = self.description
        parser.epilog = "\n".join(("examples:", *(f"  {line}" for line in self.examples)))
        if self.name in PAGES:
            parser.epilog += f"\n\n'tui-registry help {self.name}' goes on with its page:\n{PAGES[self.name]}"
        self.arguments(parser)

    @property
    def run(self) -> Callable[[Namespace], int]:
        """Does it, with the parsed arguments, and says the exit code."""
        module, _, function = self.place.partition(".")
        run: Callable[[Namespace], int] = getattr(import_module(f"tui_registry.cli.{module}"), function)
        return run


# Types of arguments


def words(typed: str) -> str:
    """Text that is searched for or stored. A shell may pass any bytes; this refuses those that are no text."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("is not text in this terminal's encoding") from None
    return typed


def directory(typed: str) -> str:
    """A directory; an empty word is a variable that is not set, and must mean neither one's replica nor this folder."""
    if not typed:
        raise ArgumentTypeError("needs a directory: the word is empty, as of a variable that is not set")
    return typed


def node_address(typed: str) -> str:
    """The address of a node; an empty word is a variable that is not set, and must not mean the replica here."""
    if not typed:
        raise ArgumentTypeError("needs the address of a node: the word is empty, as of a variable that is not set")
    return words(typed)


def _count(typed: str) -> int:
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 9:
        raise ValueError(typed)
    return int(typed)


_count.__name__ = "number"  # argparse says "invalid number value"


def _seconds(typed: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", typed, re.ASCII) or not float(typed):
        raise ArgumentTypeError("a time is a number of seconds above 0, such as 60")
    return float(typed)


def _setting(form: str, example: str) -> Callable[[str], tuple[str, str]]:
    """The type of a `NAME=VALUE` argument; `form` and `example` are for the message that refuses another word."""

    def read(typed: str) -> tuple[str, str]:
        name, equals, value = words(typed).partition("=")
        if not equals or not name.strip():
            raise ArgumentTypeError(f"write {form}, such as {example}")
        return name.strip(), value

    return read


def _interval(typed: str) -> int:
    from tui_registry.settings import interval

    try:
        return interval(typed)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _address(typed: str) -> str:
    digits = typed.lower().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-f]{40}", digits):
        raise ArgumentTypeError("is not an address of 40 hex digits, as 'show' tells the owner's")
    return digits


def _host(typed: str) -> str:
    # With brackets around an IPv6 address, as in a URL.
    host = typed[1:-1] if typed.startswith("[") and typed.endswith("]") else typed
    if not host:
        raise ArgumentTypeError("needs an address of this machine, such as 127.0.0.1")
    return host


def _port(typed: str) -> int:
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 5 or int(typed) > 65_535:
        raise ArgumentTypeError("a port is a number from 0 to 65535")
    return int(typed)


def _workers(typed: str) -> int:
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 2 or not 1 <= int(typed) <= 64:
        raise ArgumentTypeError("workers are a number from 1 to 64")
    return int(typed)


def _host_name(typed: str) -> str:
    from tui_registry.node.doors import host_name

    return _read_by(host_name, typed)


def _proxy(typed: str) -> str:
    from tui_registry.node.doors import UNIX, proxy

    return typed if typed == UNIX else _read_by(proxy, typed)


def _public_url(typed: str) -> str:
    from tui_registry.node.doors import public_url

    return _read_by(public_url, typed)


def _root_path(typed: str) -> str:
    from tui_registry.node.doors import root_path

    return _read_by(root_path, typed)


def _store_url(typed: str) -> str:
    from tui_registry.sync.tiles import is_store_url

    url = words(typed).rstrip("/")
    if not is_store_url(url):
        raise ArgumentTypeError(
            "a store is an address that anybody reads from, such as https://cdn.example/registry: without a name, a "
            "password or a query"
        )
    return url


def _recommend(typed: str) -> str:
    from tui_registry.sync.recommended import parse_recommended

    typed = words(typed)
    _read_by(parse_recommended, typed)
    return typed


def _read_by(read: Callable[[str], object], typed: str) -> str:
    try:
        return str(read(words(typed)))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


# What several commands take

_ID_HELP = "the record's id, a beginning that only it has, or a name that only it has"


def _id(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=_ID_HELP)


def _file(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a JSON or YAML file, or - for stdin")


def _yes(parser: ArgumentParser, about: str = "do not ask (needed where nobody can answer)") -> None:
    parser.add_argument("--yes", action="store_true", help=about)


def _json(parser: ArgumentParser, about: str = "a JSON object") -> None:
    parser.add_argument("--json", action="store_true", help=about)


def _token_file(parser: ArgumentParser) -> None:
    # Never the token itself: other users can see the words of a command.
    bears = "with --node: its first line is the token that opens the node to writes (default: $TUI_REGISTRY_TOKEN)"
    parser.add_argument("--token-file", metavar="FILE", help=bears)


_LINES = "one JSON object a line"

_LIMITS = f"""\
Everything is listed, but a table on a terminal ends after {RECORDS_SHOWN} records unless --limit says otherwise.
With --json each line is {{"kind", "id", "record", "heads", "problems"}}. IDs are shown by their beginning: a beginning
that only one record has is enough for every command, as is its name where no other record has that."""


def _listing(parser: ArgumentParser) -> None:
    from tui_registry.query.fields import SORTS

    sorts = [key for key in SORTS if key != "relevance"]
    parser.add_argument(
        "--sort",
        metavar="KEY",
        choices=[*sorts, *(f"-{key}" for key in sorts)],
        help=f"{', '.join(sorts)}; with '-' before it downwards: --sort=-params",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="at most N records, 0 for all (see below)")
    _json(parser, _LINES)


# Look


def _list(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=["models", "agents"], metavar="models|agents")
    _listing(parser)


def _search(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry search [options] QUERY"
    parser.add_argument("query", nargs="*", type=words, metavar="QUERY", help="several words make one query")
    _listing(parser)
    parser.add_argument(
        "--strict", action="store_true", help="refuse a field that there is not, read none as words, leave no word out"
    )
    _machine(parser, "what fit:runs is about, in place of this machine, as 'fit' takes it")
    saved = parser.add_mutually_exclusive_group()
    saved.add_argument("--facets", action="store_true", help="count the values that the found records have, 30 a field")
    saved.add_argument("--save", metavar="NAME", help="keep the query under a name, for @NAME, and list nothing")
    saved.add_argument("--saved", action="store_true", help="list the saved searches")
    saved.add_argument("--forget", metavar="NAME", help="forget a saved search")


def _show(parser: ArgumentParser) -> None:
    _id(parser)
    parser.add_argument(
        "--at", type=words, metavar="TIME|OP", help="as it was at a time, or by an operation (see below)"
    )
    _json(parser)


def _tokens(typed: str) -> int:
    from tui_registry.text import parse_tokens

    try:
        tokens = parse_tokens(words(typed))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if not 0 < tokens < 2**40:
        raise ArgumentTypeError("a context has at least one token, and fewer than 2^40")
    return tokens


def _cache_type(typed: str) -> str:
    from tui_registry.fit import WIDTHS, width_of

    if width_of(words(typed)) is None:
        raise ArgumentTypeError(f"is one of {', '.join(WIDTHS)}, or two of them, of keys and values, such as q8_0/q4_0")
    return typed.lower()


def _machine(parser: ArgumentParser, about: str) -> None:
    parser.add_argument("--machine", type=words, metavar="MACHINE", help=about)


def _fit(parser: ArgumentParser) -> None:
    from tui_registry.text import USUAL_CONTEXT

    _id(parser)
    _machine(parser, "another machine: what it is made of, such as 'gpu=2x24gb ram=64gb', or a saved one's name")
    told = f"so many tokens of context (default: {USUAL_CONTEXT})"
    parser.add_argument("--context", type=_tokens, default=USUAL_CONTEXT, metavar="TOKENS", help=told)
    cache = "how the values of the cache are kept, such as q8_0 (default: f16)"
    parser.add_argument("--cache", type=_cache_type, default="f16", metavar="TYPE", help=cache)
    _json(parser)


def _use(parser: ArgumentParser) -> None:
    from tui_registry.present.using import TOOLS

    _id(parser)
    only = f"only the lines for one tool, by themselves: {', '.join(TOOLS)}"
    parser.add_argument("--for", dest="tool", choices=[*TOOLS], metavar="TOOL", help=only)
    _json(parser)


def _verify_file(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry verify-file [options] [ID] FILE..."
    named = "files, or folders of them; before them the id or name of the record whose files they should be"
    parser.add_argument("words", nargs="+", metavar="FILE", help=named)
    _json(parser, _LINES)


def _walked(parser: ArgumentParser) -> None:
    _id(parser)
    deep = "so many links at most, and never more than 16 (default: %(default)s)"
    parser.add_argument("--depth", type=_count, default=16, metavar="N", help=deep)
    _json(parser)


def _compare(parser: ArgumentParser) -> None:
    several = "2 to 4 ids of records, or beginnings or names that only they have"
    parser.add_argument("ids", nargs="+", metavar="ID", help=several)
    parser.add_argument("--differing", action="store_true", help="only the fields that differ")
    _json(parser)


def _diff(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry diff [options] ID [OP [OP]]"
    _id(parser)
    op = "an operation of it, or a beginning of its hash that no other has"
    parser.add_argument("op", nargs="?", type=words, metavar="OP", help=op)
    parser.add_argument("other", nargs="?", type=words, metavar="OP", help="another one, to compare the first with")
    _json(parser)


def _conflicts(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=_count, metavar="N", help="at most N records, 0 for all")
    _json(parser, _LINES)


def _history(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help=_ID_HELP)
    parser.add_argument("--mine", action="store_true", help="without an ID: only what this replica's key signed")
    elsewhere = "without an ID: what this replica's key signed and this replica did not write, and what that may mean"
    parser.add_argument("--elsewhere", action="store_true", help=elsewhere)
    known = "with --elsewhere: they are yours, from another device or an older copy; do not tell of them again"
    parser.add_argument("--acknowledge", action="store_true", help=known)
    at_most = f"at most N operations, 0 for all (without an ID: {OPERATIONS_SHOWN})"
    parser.add_argument("--limit", type=_count, metavar="N", help=at_most)
    _json(parser, _LINES)


def _quarantine(parser: ArgumentParser) -> None:
    at_most = "at most N operations (default: %(default)s)"
    parser.add_argument("--limit", type=_count, default=REFUSED_SHOWN, metavar="N", help=at_most)
    aside = "what was left out instead: of blocked owners, of keys without a name, or over a limit"
    parser.add_argument("--left-out", action="store_true", help=aside)
    again = "with --left-out: take what waits in at the next sync, whatever the limits"
    parser.add_argument("--take-in", action="store_true", help=again)
    parser.add_argument("--owner", type=words, metavar="OWNER", help="with --left-out: of this owner only")
    _json(parser, _LINES)


def _status(parser: ArgumentParser) -> None:
    _json(parser)


# Write


_YAML = """\
a record in YAML (JSON works as well; every field but the name may be left out):

  name: my-finetune
  version: 1.0.0
  license: Apache-2.0
  parameters: 7.6b
  context_length: 32k
  tags: [chat, code]
  resource_requirements:
    requires_gpu: true
    min_vram_gb: 16
  manifest:                     (where its bytes are, what it was made from: 'help manifest')
    repository_url: https://huggingface.co/me/my-finetune
    derived_from:
      - {relation: Finetune, name: org/base-model}"""


def _register(parser: ArgumentParser) -> None:
    parser.epilog = f"{parser.epilog}\n\n{_YAML}"
    parser.add_argument("kind", choices=("model", "agent"), metavar="model|agent")
    _file(parser)
    parser.add_argument("--new", action="store_true", help="register another record, also where it is here already")
    _token_file(parser)
    _json(parser, "print the record as a JSON object, with its status: registered, or here")


def _update(parser: ArgumentParser) -> None:
    _id(parser)
    _file(parser)
    _token_file(parser)
    _json(parser, "print the record as it is now as a JSON object")


def _change(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help=_ID_HELP)
    parser.add_argument("--search", metavar="QUERY", type=words, help="all of yours that this finds, in place of ids")
    parser.add_argument("--tag", action="append", type=words, metavar="TAG", help="a tag to add; may be repeated")
    parser.add_argument("--untag", action="append", type=words, metavar="TAG", help="a tag to take away, likewise")
    parser.add_argument("--license", type=words, metavar="SPDX", help="the licence that they get")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and sign nothing")
    _yes(parser)
    _json(parser, "say what became of which as a JSON object")


def _apply(parser: ArgumentParser) -> None:
    parser.epilog = f"{parser.epilog}\n\n{_APPLIED}"
    files = "a JSON or YAML file of one or more records, a folder of such files, or - for stdin"
    parser.add_argument("file", metavar="FILE", help=files)
    parser.add_argument("--kind", choices=("model", "agent"), help="for descriptions that do not say what they are")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and sign nothing")
    _json(parser, "one JSON object a line, with status, changes and problems")


_APPLIED = """\
several records in one file (of YAML; in JSON, a list or an object a line):

  - kind: model
    name: my-finetune
    version: 1.0.0
    license: Apache-2.0
  - kind: agent
    agent_id: 77b0e2...        (all 64 digits: the record, whatever it is called)
    name: my-crew"""


def _delete(parser: ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID", help=_ID_HELP)
    _yes(parser)
    _token_file(parser)
    _json(parser, "print what was deleted, one JSON object a line")


def _undo(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help=_ID_HELP)
    parser.add_argument(
        "--batch", metavar="N", help="undo what was written together, such as an import: its number, or last"
    )
    parser.add_argument("--batches", action="store_true", help="list what was written together")
    _yes(parser)
    _json(parser, "print the record as it is then, or what became of the batch, as a JSON object")


def _resolve(parser: ArgumentParser) -> None:
    _id(parser)
    take = "the version that this operation wrote (of a version, the beginning of its hash)"
    parser.add_argument("--take", type=words, metavar="OP", help=take)
    merged = "a record or some of its fields, as JSON or YAML, or - for stdin (see below)"
    parser.add_argument("--merge", metavar="FILE", help=merged)
    setting = _setting("FIELD=VALUE", "license=Apache-2.0")
    value = "decide one field; can be given several times, and goes on top of --take and --merge"
    parser.add_argument("--set", action="append", default=[], type=setting, metavar="FIELD=VALUE", help=value)
    parser.add_argument("--delete", action="store_true", help="settle by deleting the record, all versions of it")
    seen = "the versions that you decided by, as 'conflicts --json', 'diff --json' and 'show --json' tell it"
    parser.add_argument("--revision", type=words, metavar="REVISION", help=seen)
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, and write nothing")
    _yes(parser, "do not ask; needs --revision, or a FILE that names the versions")
    _token_file(parser)
    _json(parser, "print the settled record as a JSON object")


def _restore(parser: ArgumentParser) -> None:
    _id(parser)
    _json(parser, "print the record as a JSON object")


_MANIFEST = """\
a manifest in YAML (JSON works as well; every field may be left out):

  status: Deprecated            (Active, Deprecated, Withdrawn)
  status_message: Answers wrongly in Dutch, use 1.1
  superseded_by: 77b0e2...      (all 64 digits of another record)
  repository_url: https://huggingface.co/org/model
  artifacts:
    - uri: weights/model.safetensors
      sha256: 9f86d0...
      size_bytes: 4431400960
  derived_from:
    - relation: Finetune        (Finetune, Adapter, Merge, Quantized, Distilled)
      name: org/base-model
      model_id: 3fa9c1...
  required_models: [c4d001...]
  interfaces:
    - {url: https://example.org/mcp, protocol: MCP, version: "2025-06-18"}
  architecture: {layers: 32, kv_heads: 8, head_dim: 128}
  evaluations:
    - {benchmark: MMLU, metric: accuracy, value: "0.713", source: https://example.org/mmlu}
  datasets: [HuggingFaceFW/fineweb]
  languages: [en, pt-BR]
  documentation_url: https://example.org/docs"""


def _manifest(parser: ArgumentParser) -> None:
    parser.epilog = f"{parser.epilog}\n\n{_MANIFEST}"
    actions = parser.add_subparsers(dest="action", metavar="show|set|edit|delete|resolve", required=True)
    show = actions.add_parser("show", description="Show the manifest of a record, and its versions in a conflict.")
    sets = actions.add_parser(
        "set",
        description=(
            "Write the manifest of a record of yours. Fields that the file leaves out stay as they are; a list takes\n"
            "the place of the former one. What 'manifest show --json' printed is refused where the manifest has\n"
            "changed since."
        ),
    )
    edit = actions.add_parser(
        "edit", description="Open the manifest of a record of yours in $VISUAL, $EDITOR or vi, and sign what you wrote."
    )
    delete = actions.add_parser("delete", description="Delete the manifest of a record of yours; the record stays.")
    resolve = actions.add_parser(
        "resolve", description="Settle a manifest that was written on two machines that did not know of each other."
    )
    for action in (show, sets, edit, delete, resolve):
        _id(action)
    _file(sets)
    _yes(delete)
    settled = resolve.add_mutually_exclusive_group(required=True)
    take = "the version that this operation wrote (the beginning of its hash)"
    settled.add_argument("--take", type=words, metavar="OP", help=take)
    settled.add_argument("--delete", action="store_true", help="settle by deleting the manifest, all versions of it")
    seen = "the versions that you decided by, as 'manifest show --json' tells it (default: show them, and ask)"
    resolve.add_argument("--revision", type=words, metavar="REVISION", help=seen)
    for action in (sets, edit, delete, resolve):
        _token_file(action)
    for action in (show, sets, edit, delete, resolve):
        _json(action)


def _deprecate(parser: ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--message", type=words, metavar="TEXT", help="why, and what to do; --withdraw needs it")
    parser.add_argument("--by", type=words, metavar="ID", help="the record to use instead, by its id or name")
    parser.add_argument("--withdraw", action="store_true", help="it is not to be used at all, rather than not any more")
    parser.add_argument("--active", action="store_true", help="it is to be used again")
    _token_file(parser)
    _json(parser, "print the manifest as it is now as a JSON object")


# Build


def _formfile(parser: ArgumentParser) -> None:
    names = "lint|fmt|render|generate|language|build|verify"
    actions = parser.add_subparsers(dest="action", metavar=names, required=True)

    lint = actions.add_parser(
        "lint",
        description="List what is wrong with a Formfile, each with its place. Exits with 1 when there are errors.",
    )
    lint.add_argument("file", nargs="?", metavar="FILE", help=_FORMFILE)
    lint.add_argument("--strict", action="store_true", help="what the builder would ignore or misread is an error")
    lint.add_argument("--record", metavar="ID", help="say also where it disagrees with this record")
    _json(lint, "one JSON object a line for each problem")

    fmt = actions.add_parser(
        "fmt", description="Write a Formfile in its one layout. A line with an error stays as it is."
    )
    fmt.add_argument("file", metavar="FILE", help="a file, or - for stdin")
    how = fmt.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="print nothing, exit with 1 if the layout is another")
    how.add_argument("--write", action="store_true", help="write the file anew instead of printing it")
    _json(fmt)

    render = actions.add_parser(
        "render", description="Fill in the placeholders of a Formfile. With errors nothing is printed."
    )
    render.add_argument("file", nargs="?", metavar="FILE", help=_FORMFILE)
    render.add_argument("--record", metavar="ID", help="take values from this record")
    _placeholders(render)
    _json(render, "a JSON object with the text and the problems")

    generate = actions.add_parser("generate", description="Write a Formfile from what a record says it needs.")
    _id(generate)
    _json(generate)

    actions.add_parser("language", description="Explain the language.")

    build = actions.add_parser("build", description=_BUILD)
    _id(build)
    where = "where to (default: NAME-ID.tar in this directory), or - for stdout"
    build.add_argument("-o", "--output", metavar="FILE", help=where)
    _placeholders(build)
    build.add_argument("--strict", action="store_true", help="refuse what the builder would ignore or misread")
    build.add_argument("--allow-conflict", action="store_true", help="build the current one of several live heads")
    _json(build, "print what was written as a JSON object")

    verify = actions.add_parser("verify", description=_VERIFY)
    verify.add_argument("file", metavar="FILE", help="a bundle, or - for stdin")
    _json(verify, "print what it holds as a JSON object")


_FORMFILE = "a file, or - for stdin (default with --record: the record's own template)"
_BUILD = (
    "Write a build bundle: a tar of the rendered Formfile, the record, the signed operation that wrote it, and a\n"
    "manifest. 'formfile verify' checks it anywhere, without a replica. The same record and values give the same\n"
    "bytes. Values given with --set and --set-file stand in the bundle as they are, passwords too: such a bundle is\n"
    "written so that only you can read it."
)
_VERIFY = (
    "Check a build bundle by itself: its files, the hash and the signature of its operation, whose record it is, and\n"
    "that its Formfile is the signed template with the values that are named. Nothing is unpacked. Whether the record\n"
    "has changed since, only a replica can tell."
)


def _placeholders(parser: ArgumentParser) -> None:
    setting = _setting("NAME=VALUE", "port=8080")
    value = "a value for a placeholder; can be given several times"
    parser.add_argument("--set", action="append", default=[], type=setting, metavar="NAME=VALUE", help=value)
    in_file = "a value that stands in a file, such as a password: other users can see the words of a command"
    parser.add_argument("--set-file", action="append", default=[], type=setting, metavar="NAME=FILE", help=in_file)


# Exchange


def _peer(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="add|look|list|show|trust|faces|limit|find|remove", required=True
    )
    add = actions.add_parser("add", description="Add a peer.")
    add.add_argument("name", type=words, metavar="NAME", help="what you call it: a-z, 0-9, '.', '_' and '-'")
    where = "a node's URL, or a directory made by 'export --log'"
    add.add_argument("address", type=words, metavar="URL|DIR", help=where)
    known = "the address of the key that signs its heads, if you know it (default: the first key that does)"
    add.add_argument("--key", type=words, metavar="ADDRESS", help=known)
    tried = "add nothing: check the name, and say what is there, as 'peer look' does"
    add.add_argument("--dry-run", action="store_true", help=tried)
    look = actions.add_parser("look", description=_LOOK)
    what = "a node's URL, a directory, a bundle's file, or a peer's name"
    look.add_argument("where", type=words, metavar="URL|PATH|NAME", help=what)
    lists = actions.add_parser("list", description="List the peers and how the last pull from each went.")
    show = actions.add_parser("show", description="Show what is known of a peer, its key and its last head.")
    trust = actions.add_parser(
        "trust",
        description=(
            "Accept what a peer's last head is signed by, as the key that it is known by from now on: another one, or\n"
            "none. What stands against the key is not told any more. Ask whoever runs it first."
        ),
    )
    faces = actions.add_parser(
        "faces",
        description=(
            "List the proofs that a key signed two heads of one log that cannot both be true. With --json they are\n"
            "printed as they are handed on: 'verify --faces' checks them anywhere."
        ),
    )
    for action in (show, trust):
        action.add_argument("name", type=words, metavar="NAME")
    expected = "the address of the key to expect, in place of the one that signed last"
    trust.add_argument("key", nargs="?", type=words, metavar="ADDRESS", help=expected)
    limit = actions.add_parser("limit", description=_LIMIT)
    limit.add_argument("name", nargs="?", type=words, metavar="NAME", help="of what comes from this peer")
    limit.add_argument("--everybody", action="store_true", help="of what comes from each source, whichever it is")
    limit.add_argument("--pushes", action="store_true", help="of what each place pushes to this replica's node")
    named = "take only operations of keys that have a name here ('identity name')"
    limit.add_argument("--named-only", choices=("yes", "no"), help=named)
    held = "hold at most so many operations that it brought; 'none' for as many as come"
    limit.add_argument("--ops", type=_amount, metavar="N", help=held)
    on_disk = "hold at most so many bytes on disk that it brought, such as 500MB or 2GiB; or 'none'"
    limit.add_argument("--bytes", type=_bytes, metavar="SIZE", help=on_disk)
    of_owner = "take nothing more of an owner of whom so many operations are here; or 'none'"
    limit.add_argument("--owner-ops", type=_amount, metavar="N", help=of_owner)
    owner_disk = "take nothing more of an owner whose operations take so many bytes on disk; or 'none'"
    limit.add_argument("--owner-bytes", type=_bytes, metavar="SIZE", help=owner_disk)
    limit.add_argument("--off", action="store_true", help="take whatever comes again")
    remove = actions.add_parser("remove", description=_REMOVE)
    remove.add_argument("name", type=words, metavar="NAME")
    remove.add_argument("--purge", action="store_true", help="take out what only it brought, too")
    _yes(remove, "with --purge: do not ask (needed where nobody can answer)")
    find = actions.add_parser("find", description=_FIND)
    for action in (add, look, lists, show, trust, faces, limit, find, remove):
        _json(action, "JSON, one object a line")


_LOOK = (
    "Say what is at an address before it is a peer: whether a node, a log or bundles of one are there, how much,\n"
    "whose it is, and which other peers it recommends. Those are a stranger's claim: nobody asks them, and none is\n"
    "added. Nothing is pulled."
)
_FIND = (
    "Ask the local network, once, for nodes that run 'serve --announce', and list those that answer. Anybody can\n"
    "answer: none becomes a peer before you add it. Needs the extra: pip install 'tui-registry[lan]'."
)
_LIMIT = (
    "Tell or set how much is taken. What is over a limit is left out, not refused: it is listed by\n"
    "'quarantine --left-out' and comes in when there is room, or a name. An operation has to fit the limit of where\n"
    "it comes from and that of everybody. What your own key signs always comes in. Without options it tells the\n"
    "limit, and without a NAME all of them."
)
_REMOVE = (
    "Forget a peer. What came from it stays, unless --purge says otherwise: then the records that only it brought\n"
    "are taken out for good, as by 'purge --peer', and what other peers have of them comes back from these."
)


def _amount(typed: str) -> int:
    """A number, -1 for none."""
    return -1 if typed == "none" else _count(typed)


_amount.__name__ = "number"


def _bytes(typed: str) -> int:
    """A number of bytes, -1 for none."""
    if typed == "none":
        return -1
    from tui_registry.present.leaving_out import read_size

    try:
        return read_size(typed)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _owner(parser: ArgumentParser) -> None:
    about = "an address, or your name for the key ('identity name'); without it the list is printed"
    parser.add_argument("owner", nargs="?", type=words, metavar="OWNER", help=about)


def _star(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry star [options] [ID ...]"
    about = "ids, beginnings or names that only one record has; without one what is starred is listed"
    parser.add_argument("ids", nargs="*", type=words, metavar="ID", help=about)
    parser.add_argument("--undo", action="store_true", help="take the stars away")
    _json(parser, _LINES)


def _note(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry note [options] [ID [TEXT|-]]"
    about = f"{_ID_HELP}; without it all notes are listed"
    parser.add_argument("id", nargs="?", type=words, metavar="ID", help=about)
    written = (
        "what the note says from now on, up to 2,000 characters; - reads it from stdin; without it the note is shown"
    )
    parser.add_argument("text", nargs="*", type=words, metavar="TEXT", help=written)
    parser.add_argument("--undo", action="store_true", help="take the note away")
    _json(parser, _LINES)


def _watch(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry watch [options] [OWNER|@SEARCH]"
    about = "an address or your name for the key, or @ and the name of a saved search; without it the list is printed"
    parser.add_argument("what", nargs="?", type=words, metavar="OWNER|@SEARCH", help=about)
    parser.add_argument("--undo", action="store_true", help="watch it no more")
    _json(parser, _LINES)


def _news(parser: ArgumentParser) -> None:
    parser.add_argument("--seen", action="store_true", help="from now on nothing of it is new")
    _json(parser, "print one JSON object")


def _mute(parser: ArgumentParser) -> None:
    _owner(parser)
    parser.add_argument("--undo", action="store_true", help="show the owner's records again")
    _json(parser, _LINES)


def _block(parser: ArgumentParser) -> None:
    _owner(parser)
    again = "take what comes of the owner again, and ask for what was left out at the next sync"
    parser.add_argument("--undo", action="store_true", help=again)
    _json(parser, _LINES)


def _purge(parser: ArgumentParser) -> None:
    parser.add_argument("owner", nargs="?", type=words, metavar="OWNER", help="an address, or your name for the key")
    brought = "what only this peer brought, in place of an owner's; also of one that was removed"
    parser.add_argument("--peer", type=words, metavar="NAME", help=brought)
    parser.add_argument("--dry-run", action="store_true", help="only say what it would take out")
    _yes(parser)
    _json(parser)


def _sync(parser: ArgumentParser) -> None:
    parser.add_argument("peers", nargs="*", type=words, metavar="PEER", help="names, as in 'peer list'")
    push = "then offer the whole log of this replica as well, to each that does not have just the same operations"
    parser.add_argument("--push", action="store_true", help=push)
    bears = "with --push and one peer: its first line is what opens the peer to pushes, where it asks for that"
    parser.add_argument("--token-file", metavar="FILE", help=bears)
    every = "again and again, until a signal ends it: 30s, 15m, 2h (see below)"
    source = "a bundle of the peer's log, as 'export --bundle' writes it; can be given several times (see below)"
    parser.add_argument("--from", dest="source", action="append", default=[], metavar="FILE", help=source)
    parser.add_argument("--every", type=_interval, metavar="TIME", help=every)
    differs = "take nothing, and tell what each peer's log has that is not here, and why: it reads all of the log"
    parser.add_argument("--audit", action="store_true", help=differs)
    dry = "with --push: only say how many operations each peer would be offered; nothing is pulled or pushed"
    parser.add_argument("--dry-run", action="store_true", help=dry)
    ends = "end after so many seconds, with what was stored until then (for cron and scripts)"
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help=ends)
    _json(parser, "one JSON object for each peer")


# A backup that was put back is noticed without it, unless the mark outside the replica's folder is gone as well.
_NEW_EPOCH = "give the log a new name first, so that every reader begins anew (a backup was put back)"


def _serve(parser: ArgumentParser) -> None:
    from tui_registry.node.limits import DEFAULT_PORT
    from tui_registry.settings import PUSHERS

    here, free = "default: %(default)s, this machine only", "default: %(default)s; 0 takes a free one"
    parser.add_argument("--host", type=_host, default="127.0.0.1", metavar="HOST", help=here)
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="PORT", help=free)
    remote = "other machines may reach it; needed for such a HOST"
    parser.add_argument("--allow-remote", action="store_true", help=remote)
    names = "a name that the node is known by; its address and localhost are known without. Can be given several times"
    parser.add_argument("--host-name", action="append", default=[], type=_host_name, metavar="NAME", help=names)
    pushes = "who may push operations: nobody (the default, unless accept_ops of the settings says otherwise), token "
    pushes += "(who bears one for that: 'token add'), named (whoever brings what a key signed that you named), anybody "
    pushes += "(also without WHO); each within rations, see 'help node'"
    parser.add_argument("--accept-ops", nargs="?", const="anybody", choices=PUSHERS, metavar="WHO", help=pushes)
    proxies = "the address or network of a proxy in front, which is believed who asks; can be given several times"
    parser.add_argument("--trust-proxy", action="append", default=[], type=_proxy, metavar="ADDRESS", help=proxies)
    reads = "write nothing, whoever asks for it: writes and pushes are refused, and no key is made"
    parser.add_argument("--read-only", action="store_true", help=reads)
    path = "what stands before the node's paths where a proxy offers it, such as /registry"
    parser.add_argument("--root-path", type=_root_path, metavar="PATH", help=path)
    everybody = "the address by which everybody reaches the node, for what leads back to it ('help tongues')"
    parser.add_argument("--public-url", type=_public_url, metavar="URL", help=everybody)
    socket = "listen on this Unix socket instead, open as the umask says; '--trust-proxy unix' where a proxy does ask"
    parser.add_argument("--uds", type=words, metavar="PATH", help=socket)
    tells = "tell the local network of this node, for 'peer find' there; needs the extra [lan]"
    parser.add_argument("--announce", action="store_true", help=tells)
    names = "a peer that this node names to whoever asks it, by a name if you like; can be given several times"
    parser.add_argument("--recommend", action="append", default=[], type=_recommend, metavar="URL[=NAME]", help=names)
    shows = "serve HTTPS by this certificate, as PEM with those behind it; SIGHUP reads it anew"
    parser.add_argument("--tls-cert", type=words, metavar="FILE", help=shows)
    parser.add_argument("--tls-key", type=words, metavar="FILE", help="its key, unless it stands in the same file")
    many = "so many processes that answer on it, and one that begins them; default: 1, which is all ('help node')"
    parser.add_argument("--workers", type=_workers, default=1, metavar="N", help=many)
    _hub_named(parser)
    tiles = "where full tiles of the hub can be read as well, such as a CDN before its store: heads tell others"
    parser.add_argument("--store-url", type=_store_url, metavar="URL", help=tiles)
    lines = "say each request on stderr: as JSON, as text, or (the default) not at all ('help node')"
    parser.add_argument("--log-format", choices=("json", "text", "none"), default="none", metavar="FORMAT", help=lines)
    parser.add_argument("--new-epoch", action="store_true", help=_NEW_EPOCH)
    older = "print the token in the file node.token that version 0.1 made, and end: 'token add NAME' makes others"
    parser.add_argument("--token", action="store_true", help=older)
    _json(parser, "say where it listens as a JSON object")


ALONE = "nobody else ever publishes there, so that a store without conditional puts will do"


def _hub_named(parser: ArgumentParser) -> None:
    """Which hub is meant (`hub.postgres.dsn_from`)."""
    where = "the hub: postgresql://USER@HOST/DATABASE (default: $TUI_REGISTRY_HUB); others can see the words of a "
    where += "command: leave the password to the variable, a file or ~/.pgpass"
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--hub", type=words, metavar="ADDRESS", help=where)
    named.add_argument("--hub-file", type=words, metavar="FILE", help="its first line is the hub's address")


def _hub(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="init|status|nodes|publish|recover|fork|purge|rewrite|upgrade|leave", required=True
    )
    init = actions.add_parser(
        "init",
        description=(
            "Make the hub's tables, and begin its log. The folder is a view of the hub from then on, and the nodes of\n"
            "the hub sign with its key: each needs that key in its folder ('identity export', 'identity import').\n"
            "Without --from the replica must be empty. With it the hub begins with all that a replica has, under its\n"
            "epoch and at the same places: nobody who pulled from it reads anything anew."
        ),
    )
    of = "begin with the operations and the key of this replica's folder, which becomes the first view"
    init.add_argument("--from", dest="source", type=directory, metavar="FOLDER", help=of)
    status = actions.add_parser(
        "status",
        description=(
            "Tell how the hub is, and whether this folder's view fits it. Exits with 1 where it does not: then the\n"
            "sentence says what helps."
        ),
    )
    nodes = actions.add_parser("nodes", description="List the nodes that said something within a week.")
    gone = "take a node off the list that is no more"
    nodes.add_argument("--forget", type=words, metavar="NAME", help=gone)
    recover = actions.add_parser(
        "recover",
        description=(
            "After PostgreSQL was put back to an older copy: nothing is followed into that until you say what holds.\n"
            "--from-view appends what it lost from this folder's view, where that extends what PostgreSQL has: choose\n"
            "the view that has most. --new-epoch goes on with what PostgreSQL has, under a new epoch: every view is\n"
            "made anew, and what this one had besides is offered to the hub again."
        ),
    )
    how = recover.add_mutually_exclusive_group(required=True)
    how.add_argument("--from-view", action="store_true", help="append what PostgreSQL lost and this view has")
    how.add_argument("--new-epoch", action="store_true", help="go on with what PostgreSQL has")
    fork = actions.add_parser(
        "fork",
        description=(
            "Give a copy of a hub's database, such as one for tests, an id, an epoch and a place for tiles of its\n"
            "own, so that nothing takes it for the hub that it was. Its nodes begin in empty folders."
        ),
    )
    tiles = "where its tiles are to lie, such as s3://bucket/fork (default: nowhere yet)"
    fork.add_argument("--store", type=words, metavar="URL", help=tiles)
    purge = actions.add_parser(
        "purge",
        description=(
            "Take what an owner has out of the hub's log, under a new epoch, and block the owner on this node: every\n"
            "view is made anew, and whoever pulls reads the log anew. Block the owner on the other nodes first, or\n"
            "what somebody pushes there comes back. Copies that others have stay."
        ),
    )
    purge.add_argument("owner", type=words, metavar="OWNER", help="an address, or your name for the key")
    rewrite = actions.add_parser(
        "rewrite",
        description=(
            "Check every operation of the hub's log as a new replica would, and leave out what breaks a rule, under a\n"
            "new epoch. A log that is sound stays as it is. It needs room for another replica beside the view."
        ),
    )
    upgrade = actions.add_parser(
        "upgrade",
        description=(
            "Bring the hub's tables up to date, and let its log hold what this version reads and older ones do not.\n"
            "It is refused while a node of an older version is on the list."
        ),
    )
    leave = actions.add_parser(
        "leave",
        description=(
            "Make this folder's view a replica of its own, with all that it holds, under a new epoch. The hub is not\n"
            "asked: it may be gone for good. Stop the node of this folder first."
        ),
    )
    publish = actions.add_parser(
        "publish",
        description=(
            "Write what is new of the hub's log into an object store, as 'export --log' does, from this view.\n"
            "One node does so at a time: where another one publishes, nothing is done. The hub remembers the URL, and\n"
            "new nodes start from there. With --every it goes on until Ctrl+C or SIGTERM end it, with 0."
        ),
    )
    publish.add_argument("url", nargs="?", type=words, metavar="URL", help="s3://BUCKET/PREFIX, gs:// or az://")
    publish.add_argument("--every", type=_interval, metavar="TIME", help="again and again, such as every 30s")
    publish.add_argument("--alone", action="store_true", help=ALONE)
    for action in (init, status, nodes, publish, recover, fork, purge, rewrite, upgrade):
        _hub_named(action)
    for action in (init, status, nodes, publish, recover, fork, purge, rewrite, upgrade, leave):
        _json(action, _LINES if action is nodes else "a JSON object")
    for action in (recover, purge, rewrite, upgrade):
        action.add_argument("--dry-run", action="store_true", help="only say what it would do")
    for action in (recover, fork, purge, rewrite, leave):
        _yes(action)


def _import(parser: ArgumentParser) -> None:
    from tui_registry.importers.formats import help_lines

    parser.description = (
        "Read descriptions of models and agents into drafts, and say what is wrong with them. With --register the\n"
        "drafts without errors are signed with this replica's key and registered; without it nothing is stored.\n\n"
        "SOURCE is a file, a folder (read with the folders in it) or an address. What it is, its content tells:\n"
        f"{help_lines(108)}\n"
        "Where an address is no description itself, it is asked in this order: for an AI Catalog, an MCP\n"
        "registry, an agent card, a Hub's organisation, an Ollama server. Lists there are read page after page; one\n"
        "that breaks off says with which --after it goes on. Of the addresses that a catalog names none on this\n"
        "machine or its network is asked. For certificates of a CA of your own set SSL_CERT_FILE (or\n"
        "SSL_CERT_DIR), as for 'sync'.\n"
        "Each value of a foreign description is told with where it came from, and what could not be read is noted.\n"
        "What it says of files, of what a model was made from, of results, languages and interfaces becomes the\n"
        "record's manifest; digests are those that are stated, and with --hash those of the files themselves.\n"
        "Operations ('export --ops') are signed already: they are checked and stored as they are, whoever signed\n"
        "them.\n\n"
        "The same twice is once. What was imported before is found again by its source, and by its name, version and\n"
        "quantisation where it comes from elsewhere. Where it says the same as the last time, nothing is signed;\n"
        "what the source changed is listed field by field, and --update signs it. What you edited here stays yours,\n"
        "and what you deleted stays deleted with --update; --register registers it anew.\n\n"
        "Exits with 1 when a description has errors, or is left out until you say what is meant; the others are\n"
        "registered all the same."
    )
    parser.add_argument("source", metavar="SOURCE", help="a file, a folder or an address")
    parser.add_argument("--register", action="store_true", help="register the drafts that have no errors")
    changes = "register what is new, and sign what changed since the last time"
    parser.add_argument("--update", action="store_true", help=changes)
    parser.add_argument("--kind", choices=("model", "agent"), help="for descriptions that do not say what they are")
    setting = _setting("FIELD=VALUE", "license=Apache-2.0")
    value = "a value for every draft, in place of its own; can be given several times"
    parser.add_argument("--set", action="append", default=[], type=setting, metavar="FIELD=VALUE", help=value)
    after = "go on with a list at an address (an MCP registry, an organisation) where a run before this one broke off"
    parser.add_argument("--after", default="", metavar="CURSOR", help=after)
    parser.add_argument("--explain", action="store_true", help="each value with where it came from, for every draft")
    hashes = "read the files that manifests name, for their SHA-256; ctrl+c stops it"
    parser.add_argument("--hash", action="store_true", help=hashes)
    _json(parser, "one JSON object a line, with status and problems")


def _publish(parser: ArgumentParser) -> None:
    parser.epilog = f"{parser.epilog}\n\n{IN_CI}"
    parser.add_argument(
        "source", metavar="SOURCE", help="a file, a folder, an address, or - for stdin, as for 'import'"
    )
    to = "a peer that is to have it; can be given several times (default: every peer with a URL)"
    parser.add_argument("--to", action="append", default=[], type=words, metavar="NAME", help=to)
    parser.add_argument("--kind", choices=("model", "agent"), help="for descriptions that do not say what they are")
    setting = _setting("FIELD=VALUE", "license=Apache-2.0")
    value = "a value for every draft, in place of its own; can be given several times"
    parser.add_argument("--set", action="append", default=[], type=setting, metavar="FIELD=VALUE", help=value)
    hashes = "read the files that manifests name, for their SHA-256; ctrl+c stops it"
    parser.add_argument("--hash", action="store_true", help=hashes)
    bears = "with one node: its first line is what opens the node to pushes, where it asks for that"
    parser.add_argument("--token-file", metavar="FILE", help=bears)
    ends = "give a node at most so many seconds"
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help=ends)
    dry = "say what would be signed, and which records the nodes lack; sign and offer nothing"
    parser.add_argument("--dry-run", action="store_true", help=dry)
    _json(parser, "one JSON object a line: for each description, then for each node")


IN_CI = """\
in CI, such as GitHub Actions (GitLab: the same lines as 'script'); the secrets are what 'identity export' wrote, its
passphrase, and what 'token add ci --scope push' printed on the node's machine:

  env:
    KEY: ${{ secrets.REGISTRY_KEY }}
    PHRASE: ${{ secrets.REGISTRY_PHRASE }}
    TOKEN: ${{ secrets.REGISTRY_TOKEN }}
  run: |
    umask 077
    cd "$(mktemp -d)"
    printf %s "$KEY" > key.json
    printf %s "$PHRASE" > phrase
    printf %s "$TOKEN" > token
    export TUI_REGISTRY_DATA_DIR="$PWD/replica"
    tui-registry identity import key.json --passphrase-file phrase
    tui-registry peer add hub https://registry.example
    tui-registry sync hub
    tui-registry apply "$GITHUB_WORKSPACE/model.yaml" --json
    tui-registry publish "$GITHUB_WORKSPACE/model.yaml" --to hub --token-file token --json

'sync' comes first, so that records that are there are found again and changed: by their name, version and quantisation,
or by the id that the file names (model_id: or agent_id:), which stays when the version changes. 'apply' makes them what
the file says: such a machine does not remember what the file said before, and 'publish' alone would take what was
changed since they were registered for edits of yours, and leave it."""


def _export(parser: ArgumentParser) -> None:
    parser.add_argument(
        "query", nargs="*", type=words, metavar="QUERY", help="only the records that it finds; for --ops IDs"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="for --ops ID: write this file instead of stdout")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--ops", action="store_true", help="the signed operations of all records, or of some: --ops ID ..."
    )
    what.add_argument(
        "--log",
        type=directory,
        metavar="DIR|URL",
        help="write a static log into this directory, or into an object store: s3://, gs://, az://",
    )
    what.add_argument(
        "--bundle",
        type=directory,
        metavar="DIR",
        help="write the log into this directory as files of 65,536 operations",
    )
    parser.add_argument(
        "--recommend",
        action="append",
        default=[],
        type=_recommend,
        metavar="URL[=NAME]",
        help="with --log: a peer to name beside the log to whoever reads it; can be given several times",
    )
    catalog = "write an AI Catalog and agent cards into this directory, as a node serves them; needs --public-url"
    what.add_argument("--catalog", type=directory, metavar="DIR", help=catalog)
    where = "for --catalog: the address at which a web server offers the directory"
    parser.add_argument("--public-url", type=_public_url, metavar="URL", help=where)
    bom = "a record with all that it needs as a bill of materials: CycloneDX 1.7 (ML-BOM)"
    what.add_argument("--bom", type=words, metavar="ID", help=bom)
    parser.add_argument("--new-epoch", action="store_true", help=f"for --log: {_NEW_EPOCH}")
    parser.add_argument("--alone", action="store_true", help=f"for --log URL: {ALONE}")
    _json(parser, "for --log, --bundle and --catalog: say what was written as a JSON object")


# Care


def _verify(parser: ArgumentParser) -> None:
    ops = "check a file of operations by itself, or - for stdin; no replica is needed"
    parser.add_argument("--ops", metavar="FILE", help=ops)
    faces = "check a file of proofs that a key has two faces, or - for stdin; no replica is needed"
    parser.add_argument("--faces", metavar="FILE", help=faces)
    _hub_named(parser)
    _json(parser, "print what was found as a JSON object")


WHO_HAS_THE_KEY = "whoever has the key file can change your records, and without it nobody can, you included"
KEEP_A_COPY = "keep a copy elsewhere with 'identity export FILE'"


def _identity(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="show|export|import|new|name|list|verify|statement", required=True
    )
    show = actions.add_parser("show", description="Show the address and where the key file lies.")
    export = actions.add_parser(
        "export", description="Write the key to a new file, as an Ethereum keystore locked with a passphrase."
    )
    imports = actions.add_parser(
        "import", description="Sign with the key of a keystore from now on. The former key file is kept."
    )
    new = actions.add_parser(
        "new", description="Sign with a new key from now on. Records of the former key cannot be edited with it."
    )
    for action in (export, imports):
        action.add_argument("file", metavar="FILE")
        action.add_argument("--passphrase-file", metavar="FILE", help="its first line is the passphrase (default: ask)")
    for action in (imports, new):
        _yes(action, "do not ask whether to change keys")
    for action in (show, export, imports, new):
        _json(action)
    name = actions.add_parser("name", description=_NAME)
    name.add_argument("address", nargs="?", type=_address, metavar="ADDRESS", help="40 hex digits, as in 'show'")
    name.add_argument("name", nargs="?", type=words, metavar="NAME", help="what you call it from now on")
    name.add_argument("--forget", action="store_true", help="take its name away")
    _json(name, "JSON, one object a line")
    lists = actions.add_parser("list", description="List the keys that have a name here, or that a domain named.")
    _json(lists, "JSON, one object a line")
    verify = actions.add_parser("verify", description=_VERIFY_DOMAIN)
    verify.add_argument("domain", type=words, metavar="DOMAIN", help="such as example.org")
    verify.add_argument("--forget", action="store_true", help="ask nobody, and forget what it said")
    _json(verify)
    statement = actions.add_parser("statement", description=_STATEMENT)
    statement.add_argument("domain", type=words, metavar="DOMAIN", help="such as example.org")
    _json(statement, "JSON, as without it")


_VERIFY_DOMAIN = (
    "Ask a domain, now and once, which keys are its own: it says so in https://DOMAIN/.well-known/tui-registry.json.\n"
    "'show' and the app tell it from then on, with how long ago it was."
)
_STATEMENT = (
    "Print what to publish as https://DOMAIN/.well-known/tui-registry.json, so that your domain names your key. For\n"
    "several keys, put the 'keys' of each into one file."
)
_NAME = (
    "Give the key of an owner a name of yours, or tell the name it has; without an address, tell all names. Compare\n"
    "the address with its owner first. Names stay on this machine; 'search owner:NAME' finds the owner's records."
)


def _token(parser: ArgumentParser) -> None:
    from tui_registry.datastore import TOKEN_SCOPES

    actions = parser.add_subparsers(dest="action", metavar="add|list|revoke", required=True)
    add = actions.add_parser(
        "add", description="Make a token and print it. It is kept as a hash: nothing shows it again."
    )
    add.add_argument("name", type=words, metavar="NAME", help="what it is called, such as who uses it")
    what = "what it is for (default: write); can be given several times: write changes records over REST, push offers "
    what += "operations where 'serve --accept-ops=token' asks for it, metrics reads how the node is doing"
    scopes = "|".join(TOKEN_SCOPES)
    add.add_argument("--scope", action="append", choices=TOKEN_SCOPES, metavar=scopes, help=what)
    lists = actions.add_parser("list", description="List the tokens, without what they are.")
    revoke = actions.add_parser("revoke", description="Let a token open nothing any more, at once.")
    revoke.add_argument("name", type=words, metavar="NAME", help="as in 'token list'")
    for action in (add, revoke):
        _hub_named(action)
    for action in (add, lists, revoke):
        _json(action, "JSON, one object a line")


def _doctor(parser: ArgumentParser) -> None:
    parser.add_argument("--offline", action="store_true", help="ask no peer")
    _json(parser)


def _config(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="show|check|keys|path|edit|set", required=True)
    show = actions.add_parser("show", description="Show what is set.")
    check = actions.add_parser("check", description=_CHECK)
    keys = actions.add_parser("keys", description=_KEYS)
    show.add_argument("--all", action="store_true", help="every setting there is, with what it is by default")
    path = actions.add_parser("path", description="Tell where the settings are kept; the file need not be there.")
    actions.add_parser("edit", description=_EDIT)
    one = actions.add_parser("set", description=_SET)
    one.add_argument("name", type=words, metavar="NAME", help="such as theme, or sync.pull_seconds for a bound")
    one.add_argument(
        "value",
        type=words,
        metavar="VALUE",
        help="a size may be said as 500MB or 2GiB; an empty word takes the setting away",
    )
    for action in (show, check, path, one):
        _json(action)
    _json(keys, "JSON, one object a line")


_CHECK = (
    "Look at every setting, those of the app's keys, commands and themes too, and tell what is wrong with which line.\n"
    "Exit code 1 where something is. 'help settings' says what may stand in the file."
)
_KEYS = "List what a key can be given to in [keys], by the id that stands there, with the keys that it has."
_EDIT = (
    "Open the settings in $VISUAL or $EDITOR, and look at them when the editor ends. What you wrote stays as you\n"
    "wrote it, right or wrong."
)
_SET = "Set one setting. All else in the file stays as it is, comments too, and nothing is written that is wrong."


def _backup(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry backup [options] FILE"
    parser.add_argument("file", metavar="FILE", help="the backup: a new file, or with --restore one that is there")
    parser.add_argument("--restore", action="store_true", help="make a replica of FILE, where there is none yet")
    parser.add_argument("--force", action="store_true", help="write FILE in the place of the file that is there")
    without = "leave the key out; with --restore, leave it in the backup"
    parser.add_argument("--without-key", action="store_true", help=without)
    phrase = "its first line is the passphrase of the key in the backup (default: ask)"
    parser.add_argument("--passphrase-file", metavar="FILE", help=phrase)
    _json(parser, "print what was written, or put back, as a JSON object")


def _completion(parser: ArgumentParser) -> None:
    parser.usage = "tui-registry completion [options] bash|zsh|fish"
    parser.add_argument("shell", choices=[*SHELLS, "words"], metavar="bash|zsh|fish")
    # What the scripts ask: the line up to the cursor, as it is typed or as words.
    parser.add_argument("--line", type=words, help=SUPPRESS)
    parser.add_argument("--breaks", help=SUPPRESS)
    # With a default, so that nobody is told that it is missing
    parser.add_argument("words", nargs="*", type=words, default=[], help=SUPPRESS)


def _demo(parser: ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="build it all, pull from the neighbour, and end")
    _json(parser, "for --check: a JSON object")


def _mcp(_: ArgumentParser) -> None:
    pass  # which replica, as every command


def _help(parser: ArgumentParser) -> None:
    topics = [*COMMANDS, *(name for name in PAGES if name not in COMMANDS)]
    about = "a command, or a page: start, search, conflicts, trust and others; 'tui-registry help' lists them"
    parser.add_argument("topic", nargs="?", type=_topic, choices=topics, metavar="COMMAND|PAGE", help=about)


def _topic(typed: str) -> str:
    typed = words(typed)
    if typed in COMMANDS or typed in PAGES:
        return typed
    from tui_registry.text import nearest, safe_text

    near = nearest(typed, [*COMMANDS, *PAGES])
    hint = f"did you mean {near}?" if near else "'tui-registry help' lists them"
    raise ArgumentTypeError(f"there is no command or page '{safe_text(typed, 40)}': {hint}")


_TABLE = (
    Command(
        "list",
        "Look",
        "list models or agents, newest first",
        _list,
        "look.list_records",
        description=f"List models or agents, the last updated first.\n\n{_LIMITS}",
        examples=(
            "tui-registry list models",
            "tui-registry list models --sort=-params --limit 10",
            "tui-registry list agents --json | jq -r .record.name",
            "tui-registry list models --node https://registry.example:8420",
        ),
        asks_nodes=True,
    ),
    Command(
        "search",
        "Look",
        "find records by words and fields",
        _search,
        "look.search",
        description=(
            f"Find models and agents by words and fields.\n\n{_LIMITS}\n\n"
            "With --node the models that a node finds come before its agents, and a field that there is not is refused."
        ),
        examples=(
            "tui-registry search llama",
            "tui-registry search 'llama params:<=8b license:apache-2.0'",
            "tui-registry search --json 'kind:model ctx:>=128k' | jq -r .id",
            "tui-registry search -- -deprecated        (a query that begins with '-' comes after '--')",
            "tui-registry search --facets kind:model        (how many have which licence, size, tag and so on)",
            "tui-registry search --save small 'type:LLM params:<=8b'        (then: search @small llama)",
        ),
        asks_nodes=True,
    ),
    Command(
        "show",
        "Look",
        "one record in full",
        _show,
        "look.show",
        description=(
            "Show one record in full. With --json it is one object,\n"
            '{"kind", "id", "record", "heads", "problems", "revision"},\n'
            "which can be edited and given to 'update'. Of a record in conflict it has \"versions\" as well, and\n"
            "'resolve --merge' takes it.\n"
            "\n"
            "With --at it is the record as it was: at the end of a date (2026-01-31, yesterday), at a moment\n"
            "(2026-01-31T10:00Z, 2026-01-31T10:00+01:00), so long ago (2h, 3d, 1w), or as an operation wrote it (its\n"
            "hash, or eight digits of it and more). Times are those at which operations say that they were written.\n"
            "Given to 'update', what --at --json prints brings that version back."
        ),
        examples=(
            "tui-registry show 3fa9c1",
            "tui-registry show 3fa9c1 --json > record.json",
            "tui-registry show 3fa9c1 --at yesterday",
            "tui-registry show 3fa9c1 --at 1a2b3c4d5e6f --json | tui-registry update 3fa9c1 -",
        ),
        asks_nodes=True,
    ),
    Command(
        "star",
        "Look",
        "star records for yourself, on this machine",
        _star,
        "own.star",
        description=(
            "Put stars to records, yours and others'. They stand on this machine alone: they are in no operation, no\n"
            "export and no answer of a node. 'search is:starred' finds what has one, and it stays through all that\n"
            "becomes of the record: deleted, purged, back again. Without an ID it lists what is starred."
        ),
        examples=(
            "tui-registry star 3fa9c1 91b207",
            "tui-registry star --undo 3fa9c1",
            "tui-registry search is:starred",
        ),
    ),
    Command(
        "note",
        "Look",
        "write a note of your own to a record, on this machine",
        _note,
        "own.note",
        description=(
            "Write a note to a record, yours or others', or show the one that stands there. Like a star it stands on\n"
            "this machine alone and stays whatever becomes of the record. 'search note:WORD' finds its words,\n"
            "'search has:note' all that have one. Without an ID it lists all notes."
        ),
        examples=(
            "tui-registry note 3fa9c1 'try it on the big box'",
            "tui-registry note 3fa9c1",
            "tui-registry note --undo 3fa9c1",
            "tui-registry search note:box",
        ),
    ),
    Command(
        "news",
        "Look",
        "what came from others since you looked",
        _news,
        "own.news",
        description=(
            "Say how much came from others since you looked: by a pull, a push to this node or a bundle. Nothing that\n"
            "was written here is new. 'search is:new' lists it, 'search pulled:1d' what came in the last day. With\n"
            "--seen all of it was looked at; the app does so when its list of what is new is left."
        ),
        examples=(
            "tui-registry news",
            "tui-registry search is:new",
            "tui-registry sync && tui-registry news --json --seen",
        ),
    ),
    Command(
        "watch",
        "Look",
        "watch an owner or a saved search for what is new of it",
        _watch,
        "own.watch",
        description=(
            "Watch an owner or a saved search: 'news' and the app tell by itself what is new of it, and\n"
            "'search is:new is:watched' finds it. On this machine alone. Without an argument it lists what is watched."
        ),
        examples=(
            "tui-registry watch my-lab",
            "tui-registry search --save small 'type:LLM params:<=8b' && tui-registry watch @small",
            "tui-registry watch --undo @small",
        ),
    ),
    Command(
        "conflicts",
        "Look",
        "the records in conflict, and who can settle each",
        _conflicts,
        "side_by_side.conflicts",
        description=(
            "List the records that have several versions, as they were written on two machines that did not know of\n"
            "each other: yours first. Nothing is lost, and until its owner settles it, the same version is shown\n"
            "everywhere.\n"
            "\n"
            'With --json each line is {"kind", "id", "name", "owner", "mine", "versions", "ancestor", "heads",\n'
            '"revision", "differing"}: each version with its operation, its record, when it was written and when and\n'
            "from whom it came."
        ),
        examples=(
            "tui-registry conflicts",
            "tui-registry conflicts --json | jq 'select(.mine) | {id, differing}'",
        ),
        asks_nodes=True,
    ),
    Command(
        "diff",
        "Look",
        "what differs between versions of a record",
        _diff,
        "side_by_side.diff",
        description=(
            "Tell what changed in a record, field by field: words that changed inside a long text as\n"
            "[-before-]{+after+}, items of a list as - and +. Of a record in conflict each version against the\n"
            "nearest one that all come from; of another what its last operation changed; with one OP what that\n"
            "changed, with two what differs between them. Of a record in conflict --json has the revision that\n"
            "'resolve' asks for."
        ),
        examples=(
            "tui-registry diff 3fa9c1",
            "tui-registry diff 3fa9c1 1a2b3c4d",
            "tui-registry diff 3fa9c1 1a2b3c4d 5e6f7a8b --json",
        ),
        asks_nodes=True,
    ),
    Command(
        "fit",
        "Look",
        "whether a record runs here, or on another machine",
        _fit,
        "running.fits",
        description=(
            "Say whether a model runs on this machine, and where: on one GPU, on several, on the CPU, or on GPU and\n"
            "memory together; or how much is missing. It is an estimate: the size of the weights (of the files that\n"
            "its manifest names, else parameters x bits), the cache of so many tokens (by its architecture), and 5 %\n"
            "of the weights for the runtime. Every number that goes into it is shown.\n"
            "\n"
            "An agent fits when one of the models that it needs or prefers does: it is said which, and what blocks.\n"
            "\n"
            "GB is 10^9 bytes here, and GiB 2^30. A machine is made of gpu=, ram=, unified= (memory that the GPU\n"
            "shares), cores= and disk=; 'config set machines.NAME MACHINE' saves one. 'search fit:runs' lists what\n"
            "runs."
        ),
        examples=(
            "tui-registry fit 3fa9c1",
            "tui-registry fit 3fa9c1 --context 32k --cache q8_0",
            "tui-registry fit 3fa9c1 --machine 'gpu=2x24gb ram=128gb'",
            "tui-registry fit 3fa9c1 --machine big --json | jq -r .verdict",
        ),
        asks_nodes=True,
    ),
    Command(
        "use",
        "Look",
        "the line for a tool that can read a record's files or interfaces",
        _use,
        "use_and_verify.use",
        description=(
            "Print what to give a tool that can read what stands behind a record: ollama, llama.cpp, docker, vllm,\n"
            "hf, git, curl, ipfs, the configuration of an MCP client, the address of an agent's card, a question to\n"
            "an OpenAI-compatible endpoint. Nothing is run or fetched: read a line before you run it, as what stands\n"
            "in it is what the record's owner says. Only addresses that may be followed are in one, and each word is\n"
            "quoted for sh, bash and zsh; what no tool known here reads is said.\n"
            "\n"
            "Exits with 1 where there is no line."
        ),
        examples=(
            "tui-registry use 3fa9c1",
            "tui-registry use 3fa9c1 --for llama.cpp",
            "tui-registry use 3fa9c1 --json | jq -c '.lines[] | {tool, argv}'",
        ),
        asks_nodes=True,
    ),
    Command(
        "verify-file",
        "Look",
        "whose file something on this machine is, by its SHA-256",
        _verify_file,
        "use_and_verify.verify_file",
        description=(
            "Read a file, and say which file of the record it is by the SHA-256 that the record's manifest states, or\n"
            "that it is none of it. Without an ID every record here is looked for that states the digest. A digest is\n"
            "a claim of the record's owner, who is named: of a key that you gave no name you know nothing else.\n"
            "\n"
            "Exits with 0 only when all of the files are what they should be."
        ),
        examples=(
            "tui-registry verify-file 3fa9c1 model-Q4_K_M.gguf",
            "tui-registry verify-file ~/models/*.gguf",
            "tui-registry verify-file model.safetensors --json | jq -r '.named_by[].name'",
        ),
        asks_nodes=True,
    ),
    Command(
        "lineage",
        "Look",
        "what a record needs, prefers and was made from",
        _walked,
        "linked.lineage",
        description=(
            "Show what the record stands on as a tree: the models that it needs, prefers and was made from, and what\n"
            "these stand on. It is what owners state of their own records; of what is not here the name or the id is\n"
            "shown. Licences that do not go together along the way are pointed at, as advice: single licences whose\n"
            "texts leave no doubt, and of all others nothing is said."
        ),
        examples=(
            "tui-registry lineage 4c7d51",
            "tui-registry lineage 4c7d51 --depth 2 --json | jq .clashes",
            "tui-registry search from:Llama-3.1-8B",
            "tui-registry lineage my-crew --node https://registry.example:8420",
        ),
        asks_nodes=True,
    ),
    Command(
        "dependants",
        "Look",
        "what needs, prefers or was made from a record",
        _walked,
        "linked.dependants",
        description=(
            "Show what stands on the record as a tree: who needs it, who prefers it, what was made from it, and what\n"
            "stands on these: who is affected when it is deleted, deprecated or has another licence. Anybody can name\n"
            "any record: what your key and keys with a name say comes first, strangers are counted apart."
        ),
        examples=(
            "tui-registry dependants 4c7d51",
            "tui-registry dependants 4c7d51 --depth 1 --json | jq .counts",
            "tui-registry search needs:4c7d51",
        ),
        asks_nodes=True,
    ),
    Command(
        "compare",
        "Look",
        "two to four records side by side",
        _compare,
        "look.compare_records",
        description=(
            "Show two to four records side by side, a row for each field; ≠ stands before those that differ. Bars have "
            "one\nscale a row, and what is not stated has none. With --json it is one object, "
            '{"records", "fields"}; each field\nhas "values" as they are signed and "texts", both in the order of the '
            "records."
        ),
        examples=(
            "tui-registry compare 3fa9c1 77b0e2",
            "tui-registry compare 3fa9c1 77b0e2 c4d001 --differing",
            "tui-registry compare 3fa9c1 77b0e2 --json | jq '.fields[] | select(.differs) | .path'",
        ),
    ),
    Command(
        "history",
        "Look",
        "every operation of a record, or the last ones of this replica",
        _history,
        "look.history",
        description=(
            "List every operation of a record that this replica has, the last arrived first; deleted records too:\n"
            "what each changed, when it says that it was written, when it arrived here and from whom. Without an ID,\n"
            "the last operations of the whole replica. With --json each line is one operation; those of one record\n"
            "hold what was written. 'diff' tells the changes in full, 'show --at' the record as it was."
        ),
        examples=(
            "tui-registry history 3fa9c1",
            "tui-registry history 3fa9c1 --json | jq -r .hash",
            "tui-registry history --mine --limit 10",
            "tui-registry history --elsewhere --json | jq -r '[.source, .did, .name] | @tsv'",
        ),
        asks_nodes=True,
    ),
    Command(
        "quarantine",
        "Look",
        "the operations that were refused, from whom and why",
        _quarantine,
        "look.quarantine",
        description=(
            "List the operations that were refused, the latest first: who sent them, which rule they break and "
            "how their\n"
            "bytes begin. They never became part of this replica. With --json each line is one operation.\n"
            "\n"
            "With --left-out it lists what is valid and was left out by this replica's own choice ('block', 'purge',\n"
            "'peer limit'): how much of whom, and why. It comes in by itself when the reason is gone."
        ),
        examples=(
            "tui-registry quarantine",
            "tui-registry quarantine --left-out",
            "tui-registry quarantine --left-out --take-in --owner 0x5ea5521792a8b5a7f2b6d0b1c3b9d1e2f3a4b5c6",
            "tui-registry quarantine --json | jq -r .source",
        ),
    ),
    Command(
        "status",
        "Look",
        "what is here, on one screen",
        _status,
        "condition.status",
        description=(
            "Tell what this replica holds and how it stands: its folder and key, records and operations, conflicts,\n"
            "peers and the last pull from each, the search index, drafts, and room. Nothing is asked of anybody."
        ),
        examples=(
            "tui-registry status",
            "tui-registry status --json | jq .conflicts",
        ),
    ),
    Command(
        "register",
        "Write",
        "sign and register a record from a JSON or YAML file",
        _register,
        "write.register",
        description=(
            "Sign a record with this replica's key and register it. Id, owner and times are set here.\n"
            "A record with errors is not stored; every problem is listed. What is here already as the file says is\n"
            "told and not signed again; where the file says something else, 'update' changes the record."
        ),
        examples=(
            "tui-registry register model my-finetune.yaml",
            "tui-registry register agent - < crew.json",
            "tui-registry register model my-finetune.yaml --json | jq -r .id",
            "tui-registry register model my-finetune.yaml --node https://registry.example:8420 --token-file ci.token",
        ),
        asks_nodes=True,
    ),
    Command(
        "update",
        "Write",
        "change a record of yours",
        _update,
        "write.update",
        description=(
            "Change a record of yours. Fields that the file leaves out stay as they are.\n"
            "A file made by 'show ID --json' carries the heads that you were shown: when the record has changed\n"
            "since, the update is refused and nothing is written. Other files go on top of what is here now. A record\n"
            "in conflict is refused as well: 'resolve' settles it."
        ),
        examples=(
            "echo 'version: 1.0.1' | tui-registry update 3fa9c1 -",
            "tui-registry show 3fa9c1 --json > record.json; edit record.json; tui-registry update 3fa9c1 record.json",
        ),
        asks_nodes=True,
    ),
    Command(
        "change",
        "Write",
        "give several records of yours tags, or a licence",
        _change,
        "change.change",
        description=(
            "Add tags to records of yours, take tags away, set their licence: one signed operation for each that\n"
            "changes, after one question that tells which they are and which are left alone. 'undo --batch last'\n"
            "takes all of it back. Records of other owners, in conflict, or that would break a rule stay as they are.\n"
            "\n"
            "Exits with 1 where a record that the line names by its id stays as it is for such a reason."
        ),
        examples=(
            "tui-registry change 3fa9c1 77be02 --tag rag --untag old",
            "tui-registry change --search 'is:mine tag:chat' --license Apache-2.0 --dry-run",
            "tui-registry change --search is:mine --tag checked --yes --json",
        ),
    ),
    Command(
        "apply",
        "Write",
        "make records what a file says: create them, or change them",
        _apply,
        "importing.apply",
        description=(
            "Make records what a file says they are: those that are not here are registered, those that say something\n"
            "else are changed, and applying it once more does nothing. --dry-run tells the changes field by field.\n"
            "\n"
            "What the file states is how it is to be, also where it was edited here meanwhile; fields that it does\n"
            "not name stay as they are. What was deleted here comes back; a record that is not in the file is never\n"
            "deleted. (With 'import --update' it is the other way round: what was edited or deleted here stays.)\n"
            "\n"
            "A description is the record whose id it names (model_id, agent_id), else the one that it was applied to\n"
            "before from this place, else the one of yours that has its kind, name, version and quantisation. So name\n"
            "the id where another machine or folder applies it, and its version is to change. What 'show ID --json'\n"
            "printed carries the heads that you were shown, and is refused where the record has changed since.\n"
            "\n"
            "Exits with 0 where all is as the file says, or would be without --dry-run, and with 1 where something\n"
            "has errors, is another's or is in conflict; the others are signed all the same."
        ),
        examples=(
            "tui-registry apply models.yaml --dry-run",
            "tui-registry apply models/",
            "tui-registry show 3fa9c1 --json | jq '.record.license = \"MIT\"' | tui-registry apply -",
            "tui-registry apply models.yaml --json | jq -r 'select(.status != \"here\") | [.status, .name] | @tsv'",
        ),
    ),
    Command(
        "delete",
        "Write",
        "delete records of yours",
        _delete,
        "write.delete",
        description=(
            "Delete a record of yours, or several: sign its removal, which peers take over when they pull.\n"
            "What was published stays in the history of every replica that has it. Several are deleted after one\n"
            "question, and 'undo --batch last' brings them back."
        ),
        examples=(
            "tui-registry delete 3fa9c1",
            "tui-registry delete 3fa9c1 77be02",
            "tui-registry delete 3fa9c1 --yes --json",
        ),
        asks_nodes=True,
    ),
    Command(
        "undo",
        "Write",
        "undo the last operation on a record of yours",
        _undo,
        "write.undo",
        description=(
            "Undo the last operation on a record of yours: the version before comes back, a deleted record is there\n"
            "again, one that was only registered is deleted. It signs one more operation; the history keeps all "
            "that came\n"
            "before, and undoing again takes the undo back. An import is undone as one by its batch."
        ),
        examples=(
            "tui-registry undo 3fa9c1",
            "tui-registry undo 3fa9c1 --yes --json",
            "tui-registry undo --batch last",
        ),
    ),
    Command(
        "resolve",
        "Write",
        "settle a record of yours that is in conflict",
        _resolve,
        "write.resolve",
        description=(
            "Settle a record of yours that has several versions, by one signed operation that names them all. What\n"
            "only one version changed is taken, lists are merged item by item; where versions changed one field\n"
            "differently you decide: --take a version, --set a field, --merge a record. When something is left open,\n"
            "it is named and nothing is written. The other versions stay in the history.\n"
            "\n"
            "What differs is shown, and you are asked. A script names the versions that it decided by, and is not\n"
            "asked: with --revision REVISION, as 'conflicts --json', 'diff --json' and 'show --json' tell it, or by a\n"
            "FILE made by 'show ID --json'. When other versions came since, nothing is written. --dry-run needs no\n"
            "revision; what no option decides, and --delete, need --yes as well.\n"
            "\n"
            "Of a FILE made by 'show ID --json' what you changed in it is decided, of one made with --at the whole\n"
            "version, of another every field that it has."
        ),
        examples=(
            "tui-registry resolve 3fa9c1",
            "tui-registry resolve 3fa9c1 --take 1a2b3c4d",
            "tui-registry resolve 3fa9c1 --set license=Apache-2.0 --dry-run",
            "tui-registry diff 3fa9c1 --json > seen.json",
            "tui-registry resolve 3fa9c1 --take 1a2b3c4d --revision $(jq -r .revision seen.json)",
            "tui-registry show 3fa9c1 --json > record.json; edit record.json; "
            "tui-registry resolve 3fa9c1 --merge record.json",
        ),
        asks_nodes=True,
    ),
    Command(
        "manifest",
        "Write",
        "what stands behind a record: its files, what it was made from, its status",
        _manifest,
        "manifest.manifest",
        description=(
            "Show or write the manifest of a record: where its bytes or endpoints are, what it was made from, what it\n"
            "needs, how it was measured, and whether it is still to be used. Its owner signs it, it travels with the\n"
            "record, and goes with it. 'undo ID' takes back what was written last. 'register', 'update' and 'apply'\n"
            "take it with the record: as 'manifest' among the fields of the file, where null takes it away."
        ),
        examples=(
            "tui-registry manifest show 3fa9c1",
            "tui-registry manifest set 3fa9c1 manifest.yaml",
            "echo 'languages: [en, nl]' | tui-registry manifest set 3fa9c1 -",
            "tui-registry manifest edit 3fa9c1",
            "tui-registry manifest show 3fa9c1 --json | jq -r '.manifest.artifacts[].uri'",
            "tui-registry manifest resolve 3fa9c1 --take 1a2b3c4d",
        ),
        asks_nodes=True,
    ),
    Command(
        "deprecate",
        "Write",
        "say that a record of yours is not to be used any more",
        _deprecate,
        "manifest.deprecate",
        description=(
            "Say in the manifest of a record of yours that it is not to be used any more, why, and what to use\n"
            "instead. Everybody who has the record sees that beside it; it stays where it is. With --withdraw it is\n"
            "not to be used at all, such as where its weights are harmful. Said again, what is not given stays as\n"
            "it was. 'undo ID' takes it back, and so does\n"
            "--active later."
        ),
        examples=(
            "tui-registry deprecate 3fa9c1 --message 'Answers wrongly in Dutch' --by 77b0e2",
            "tui-registry deprecate 3fa9c1 --withdraw --message 'The weights were tampered with: delete your copy'",
            "tui-registry deprecate 3fa9c1 --active",
        ),
        asks_nodes=True,
    ),
    Command(
        "restore",
        "Write",
        "bring back a deleted record of yours",
        _restore,
        "write.restore",
        description=(
            "Bring back a record of yours that was deleted, as it was, under its id: sign one more operation.\n"
            "'history --mine' lists what was deleted."
        ),
        examples=(
            "tui-registry restore 3fa9c1",
            "tui-registry history --mine --json | jq -r 'select(.deletes and .head).id'",
        ),
    ),
    Command(
        "formfile",
        "Build",
        "check, format and render Formfiles, and build bundles of records",
        _formfile,
        "build.formfile",
        description=(
            "Formfiles: check, format and render them, write one for a record, and hand a record over to a "
            "builder as a\n"
            "bundle that proves by itself whose record it is."
        ),
        examples=(
            "tui-registry formfile lint crew.formfile --record 3fa9c1",
            "tui-registry formfile fmt crew.formfile --write",
            "tui-registry formfile render --record 3fa9c1 --set port=8080",
            "tui-registry formfile generate 3fa9c1 > crew.formfile",
            "tui-registry formfile build 3fa9c1 -o crew.tar --set port=8080 --set-file passwd=passwd.txt",
            "tui-registry formfile verify crew.tar",
        ),
    ),
    Command(
        "peer",
        "Exchange",
        "the peers to pull from, and whose heads they show",
        _peer,
        "exchange.peer",
        description=(
            "A peer is a node or a directory that this replica pulls from. Nothing travels until 'sync'.\n"
            "Nobody has to trust a peer: every operation proves its own author, whoever relays it.\n"
            "\n"
            "A node signs the head of its log. The first key that does is the one that the peer is known by: another\n"
            "key, or no signature any more, is told and stops no pull; 'peer trust' accepts it. A key that signed two\n"
            "heads that cannot both be true has two faces, and 'peer faces' has the proof."
        ),
        examples=(
            "tui-registry peer look https://registry.example:8420",
            "tui-registry peer add hub https://registry.example:8420",
            "tui-registry peer add stick /media/stick/registry",
            "tui-registry peer list --json",
            "tui-registry peer trust hub",
            "tui-registry peer faces --json > proofs",
            "tui-registry peer limit hub --ops 100000 --bytes 2GiB",
            "tui-registry peer limit --everybody --named-only yes",
            "tui-registry peer remove hub",
        ),
    ),
    Command(
        "mute",
        "Exchange",
        "hide the records of an owner, on this machine",
        _mute,
        "keeping_out.mute",
        description=(
            "Hide an owner's records in lists, searches, counts and facets, on this machine alone; how many are\n"
            "hidden is always said. A query that names the owner ('owner:0x...') finds them, 'show ID' shows them.\n"
            "What the owner signs comes in and is passed on as before. Without an OWNER it lists who is muted."
        ),
        examples=("tui-registry mute 0x5ea5521792a8b5a7f2b6d0b1c3b9d1e2f3a4b5c6", "tui-registry mute spam-lab --undo"),
    ),
    Command(
        "block",
        "Exchange",
        "take nothing new of an owner",
        _block,
        "keeping_out.block",
        description=(
            "Take nothing new of an owner, whoever brings it; what is here stays ('purge' takes it out). What was\n"
            "left out is remembered: logs are 'identical but for' it, and --undo asks for it at the next sync.\n"
            "Nobody else is told, and nobody's copy changes. Without an OWNER it lists who is blocked."
        ),
        examples=("tui-registry block 0x5ea5521792a8b5a7f2b6d0b1c3b9d1e2f3a4b5c6", "tui-registry block --json"),
    ),
    Command(
        "purge",
        "Exchange",
        "block an owner and take out all that is here of theirs",
        _purge,
        "keeping_out.purge",
        description=(
            "Block an owner, and rewrite this replica's log without their records: it says first how many go, and\n"
            "asks. The log has another epoch then, so that everybody who pulls from here reads it anew, and the room\n"
            "is given back to the disk. Copies that others have stay. 'block OWNER --undo' and a sync bring back what\n"
            "peers have.\n"
            "\n"
            "With --peer it takes out the records of which every operation came first from that peer, and blocks\n"
            "nobody."
        ),
        examples=(
            "tui-registry purge 0x5ea5521792a8b5a7f2b6d0b1c3b9d1e2f3a4b5c6 --dry-run",
            "tui-registry purge --peer old-hub --yes --json",
        ),
    ),
    Command(
        "sync",
        "Exchange",
        "pull from peers",
        _sync,
        "exchange.sync",
        description=(
            "Pull what is new from all peers, or from those that are named. Every operation is checked before it is\n"
            "stored; a pull that is interrupted has lost nothing, and the next one goes on where it ended. Records\n"
            "that it brought into conflict are counted, and 'conflicts' lists them.\n"
            "\n"
            "With --from it reads bundles, so that a first clone is a few big files: as if they had come from the\n"
            "peer, whose next sync goes on behind them. Without a peer they are operations of files, as for 'import'.\n"
            "\n"
            "With --every it pulls again and again, and says a line for each peer with news. A peer that fails is\n"
            "told once, and asked less and less often. Ctrl+C or SIGTERM end it between two transactions, with 0.\n"
            "\n"
            "A peer that is busy is asked again after a while, and so is one whose line broke: that costs time, and\n"
            "--timeout says how much at most for all of it; with --every, for each round.\n"
            "\n"
            "Exits with 1 when a peer could not be read to its end; the others are read all the same."
        ),
        examples=(
            "tui-registry sync",
            "tui-registry sync --every 15m",
            "tui-registry sync hub --from log-486ccbd9-0.tar --from log-486ccbd9-1.1234.tar",
            "tui-registry sync --timeout 600",
            "tui-registry sync hub --json",
            "tui-registry sync hub --push",
        ),
    ),
    Command(
        "serve",
        "Exchange",
        "serve this replica as a node over HTTP",
        _serve,
        "exchange.serve",
        description=(
            "Serve this replica as a node: others add its URL as a peer and pull from it, and programs use its REST\n"
            "API (described at URL/docs). Reading is open to everybody who reaches the node; writing over REST signs\n"
            "with this replica's key and needs a bearer token, which 'token add' makes. Ctrl+C ends it.\n\n"
            "The first line on stdout says where it listens, once it does. SIGHUP reads the bounds in settings.toml\n"
            "anew; a key or a token that other commands change is followed at once.\n\n"
            "It answers who asks by its address or by a name that it is known by, and no page of another site, so\n"
            "that no page in a browser on this machine reads or writes what is here. 'help node' says how it is\n"
            "watched, and run behind a proxy, as a service or in a container.\n\n"
            "With --hub it is one of several nodes that share one log ('hub'): an empty folder becomes a view of that."
        ),
        examples=(
            "tui-registry serve",
            "tui-registry serve --host 0.0.0.0 --allow-remote --host-name registry.example",
            "tui-registry serve --trust-proxy 127.0.0.1 --host-name registry.example --root-path /registry",
            "tui-registry serve --port 0 --json",
            "tui-registry serve --workers 4",
            "tui-registry serve --hub-file /etc/tui-registry/hub --host-name registry.example",
            'curl -H "Authorization: Bearer $(tui-registry token add ci)" ...',
        ),
    ),
    Command(
        "mcp",
        "Exchange",
        "let an AI assistant look into this replica, over MCP",
        _mcp,
        "mcp_server.serve",
        description=(
            "Be a server of the Model Context Protocol on stdin and stdout, for the program that runs this command:\n"
            "an assistant or an editor. It can search, show and compare records, ask whether one runs here, what it\n"
            "stands on and what stands on it. It can only look: nothing is written, signed or fetched. It ends when\n"
            "that program does. Needs the extra: pip install 'tui-registry[mcp]'.\n\n"
            "What records say was written by strangers, who may try to talk to the assistant: each answer tells it\n"
            "that their texts are data, and nothing in them is hidden from whoever reads along. That is no guard\n"
            "against an assistant that does as it is told by what it reads: mind what else it may do.\n\n"
            "What the assistant sees it may send to whoever runs its model: the records, your names for owners, and\n"
            "by is:starred or note:WORD which records you keep; your notes themselves it is not shown.\n\n"
            "in claude_desktop_config.json, or .mcp.json of a project:\n\n"
            '  {"mcpServers": {"tui-registry": {"command": "tui-registry", "args": ["mcp"]}}}\n\n'
            "A program that is started without your shell's PATH wants the whole path of the command there."
        ),
        examples=(
            "tui-registry mcp",
            "tui-registry --data-dir ~/lab mcp",
            "claude mcp add tui-registry -- tui-registry mcp",
        ),
    ),
    Command(
        "hub",
        "Exchange",
        "a log that several nodes share, kept in PostgreSQL",
        _hub,
        "hub.hub",
        description=(
            "A hub is several nodes that share one log, which PostgreSQL keeps. Each node holds a view of it, an\n"
            "ordinary replica, and answers all reads from that; 'serve --hub' runs one. Needs the extra:\n"
            "pip install 'tui-registry[hub]'. 'help hub' says how one is laid out, what it costs, and what to do\n"
            "when something fails."
        ),
        examples=(
            "tui-registry hub init --hub postgresql://registry@db.example/registry --from ~/.local/share/tui-registry",
            "TUI_REGISTRY_HUB=postgresql://registry@db.example/registry tui-registry hub status",
            "tui-registry hub nodes --hub-file /etc/tui-registry/hub --json",
            "tui-registry hub publish s3://bucket/registry --every 30s",
            "tui-registry hub recover --from-view --dry-run",
        ),
    ),
    Command(
        "import",
        "Exchange",
        "read files or folders into drafts, and register them",
        _import,
        "importing.import_drafts",
        examples=(
            "tui-registry import models/",
            "tui-registry import Qwen2.5-7B-Instruct-Q4_K_M.gguf --set license=Apache-2.0 --register",
            "tui-registry import http://127.0.0.1:11434 --explain",
            "tui-registry import https://huggingface.co/Qwen/Qwen2.5-7B-Instruct",
            "tui-registry import https://agent.example.com --json | jq .record",
            "tui-registry import card.yaml --set license=Apache-2.0 --set tags=chat,code --register",
            "tui-registry import backup.ndjson --register --json | jq -r .status",
            "0 4 * * * tui-registry import /srv/models --update  # in a crontab: signs what is new and what changed",
        ),
    ),
    Command(
        "publish",
        "Exchange",
        "register what a file describes, and see that nodes have it",
        _publish,
        "importing.publish",
        description=(
            "Sign what SOURCE describes as 'import --update' does: what is new is registered, what changed there is\n"
            "changed here, and what you edited or deleted here stays. Then each node is asked for the records,\n"
            "offered the operations of those that it lacks, and asked again: it has them when it shows them.\n"
            "Run it again whenever you like: what is there is neither signed nor offered twice.\n"
            "\n"
            "A node takes operations where it runs with 'serve --accept-ops'.\n"
            "\n"
            "Exits with 1 when a node does not show all of it, which is named then, or when a description has errors\n"
            "or waits until you say what is meant; the others are published all the same."
        ),
        examples=(
            "tui-registry publish model.yaml --dry-run",
            "tui-registry publish models/ --to hub",
            "tui-registry publish model.yaml --to hub --token-file hub.token --json",
            "tui-registry publish https://huggingface.co/Qwen/Qwen2.5-7B-Instruct --set license=Apache-2.0",
        ),
    ),
    Command(
        "export",
        "Exchange",
        "write records, operations or a static log",
        _export,
        "exchange.export",
        description=(
            "Write this replica's records to stdout, one JSON object a line, as 'list --json' does. With --ops it\n"
            "writes the signed operations instead, a backup that 'import --register' checks and stores in any "
            "replica;\n"
            "of one record with its ID, which 'verify --ops' checks anywhere.\n"
            "With --log it writes the log as files that a web server, a share or a USB stick can offer: others "
            "add the\n"
            "directory or its URL as a peer. Run it again to bring the directory up to date. With a URL such as\n"
            "s3://BUCKET/PREFIX it writes into an object store, from which a CDN gives it away; who you are to the\n"
            "store is said by its own environment, such as AWS_ACCESS_KEY_ID.\n"
            "With --bundle it writes the log as few files, for a first clone: 'sync PEER --from FILE' reads them.\n"
            "With --catalog it writes an AI Catalog, and the agent cards of agents that answer over A2A, as files\n"
            "that a web server offers at --public-url; run it again to bring them up to date ('help tongues').\n"
            "With --bom it writes a record with all that it needs as a bill of materials, CycloneDX 1.7."
        ),
        examples=(
            "tui-registry export > records.ndjson",
            "tui-registry export 'is:mine' > mine.ndjson",
            "tui-registry export --ops > backup.ndjson",
            "tui-registry export --ops 3fa9c1 -o record.ops",
            "tui-registry export --log /media/stick/registry",
            "tui-registry export --log s3://bucket/registry",
            "tui-registry export --bundle /media/stick",
            "tui-registry export --catalog /srv/www --public-url https://registry.example",
            "tui-registry export --bom 3fa9c1 > bom.cdx.json",
        ),
    ),
    Command(
        "verify",
        "Care",
        "re-check every stored operation",
        _verify,
        "care.verify",
        description=(
            "Check every stored operation again, signature and rules, and rebuild what is derived from them: the\n"
            "current records and the search index. What does not pass is taken out of the log.\n"
            "The view of a hub is compared with the hub's log instead, where that is named, and made anew from it\n"
            "where they differ.\n"
            "\n"
            "With --ops it checks a file that 'export --ops' wrote, without a replica: spelling, hashes, signatures,\n"
            "and that each operation builds on those before it. That proves who wrote it and that nothing was\n"
            "changed, not that it is all: later operations may exist. With --faces it checks one that 'peer faces\n"
            "--json' wrote: that a key signed two heads of one log that cannot both be true.\n"
            "\n"
            "Exits with 1 when anything was found."
        ),
        examples=(
            "tui-registry verify",
            "tui-registry verify --json",
            "tui-registry verify --ops record.ops",
            "tui-registry verify --faces proofs",
        ),
    ),
    Command(
        "backup",
        "Care",
        "write everything into one file, or make a replica of one",
        _backup,
        "backups.backup",
        description=(
            "Write everything of this replica into one file that only you can read: operations, peers, names, drafts,\n"
            "saved searches, what was imported, tokens, the settings file, and the key locked with a passphrase. The\n"
            "app and a node may run and write meanwhile. Tiles that a node keeps packed are made anew.\n"
            "\n"
            "With --restore it makes a replica of such a file, where there is none yet (--data-dir names another\n"
            "folder). Whoever the file is from, nothing in it is believed: its tables are looked through, and every\n"
            "operation is checked, which takes a while for many; what does not pass is left out, and the exit code\n"
            "is 1 then. Settings that are there stay.\n"
            "\n"
            "A replica that was put back has forgotten what came since: its log gets a new epoch. Before you write\n"
            "with it, pull from every peer that has operations of yours ('sync'); 'help trust' says why, and what it\n"
            "means when you go on with the one that the backup was made of as well."
        ),
        examples=(
            "tui-registry backup /media/stick/registry.backup",
            "tui-registry backup nightly.backup --force --passphrase-file phrase --json",
            "tui-registry backup --restore /media/stick/registry.backup",
            "tui-registry backup --restore nightly.backup --data-dir ~/registry-2 --without-key",
        ),
    ),
    Command(
        "identity",
        "Care",
        "the key that signs your records, and your names for those of others",
        _identity,
        "care.identity",
        description=(
            "The key that signs your records. It is made at first use and lies beside the database; its address is\n"
            f"your name as an owner everywhere.\n\n{WHO_HAS_THE_KEY.capitalize()}:\n{KEEP_A_COPY}.\n\n"
            "What you call the keys of others stays on this machine; 'name' tells and changes it."
        ),
        examples=(
            "tui-registry identity show",
            "tui-registry identity export key-backup.json",
            "tui-registry identity import key-backup.json",
            "tui-registry identity new",
            "tui-registry identity name 0x0a5f16aeef9ecca4bf9da2c5e0a4e7bc2c2b1c04 my-lab",
            "tui-registry identity verify example.org",
            "tui-registry identity statement example.org > tui-registry.json",
        ),
    ),
    Command(
        "token",
        "Care",
        "the tokens that programs write to this replica's node with",
        _token,
        "care.token",
        description=(
            "Tokens open this replica's node ('serve') to programs: who bears one writes records over REST, and this\n"
            "replica's key signs them. Each has a name and is for one purpose or several; give every program its own,\n"
            "so that one can be revoked without the others. A node that runs follows at once.\n\n"
            "A token is shown once. The file node.token that version 0.1 made goes on working until it is deleted, or\n"
            "revoked by that name."
        ),
        examples=(
            "tui-registry token add ci > ci.token",
            "tui-registry token add mirror --scope push --scope metrics",
            "tui-registry token list",
            "tui-registry token revoke ci",
        ),
    ),
    Command(
        "doctor",
        "Care",
        "look for what is wrong, and say what helps",
        _doctor,
        "condition.doctor",
        description=(
            "Look at the settings, the data directory, the database, the key, the clock, the peers and the terminal,\n"
            "and say for each whether it is well and what helps where it is not. Nothing is changed, and no replica\n"
            'is made. With --json it is one object, {"ok", "checks"}; each check has "name", "state" (ok, warning or\n'
            'wrong), "sentence" and "remedy". Exits with 1 when something is wrong.'
        ),
        examples=(
            "tui-registry doctor",
            "tui-registry doctor --offline --json | jq -r '.checks[] | select(.state != \"ok\").remedy'",
        ),
    ),
    Command(
        "config",
        "Care",
        "your settings: show them, set one, or edit them",
        _config,
        "config.config",
        description=(
            "The settings of this user: the colours and the name of the app, how often it pulls by itself, and the\n"
            "bounds of pulls and of a node. Every replica of this user follows them."
        ),
        examples=(
            "tui-registry config show --all",
            "tui-registry config set sync_every 15m",
            "tui-registry config set sync.pull_seconds 600",
            "tui-registry config set keys.browse.search ctrl+f",
            "tui-registry config check",
            "tui-registry config set columns.browse 'type size context licence owner'",
            "tui-registry config edit",
        ),
    ),
    Command(
        "completion",
        "Care",
        "a script that lets your shell complete commands, ids, peers and queries",
        _completion,
        "completion.completion",
        description=(
            "Print a script for your shell. With it Tab completes commands, options and their values, the ids of\n"
            "records (also from the beginning of a name that only one has), peers, saved searches, settings, and the\n"
            "fields and values of a query."
        ),
        examples=(
            "source <(tui-registry completion bash)        (in ~/.bashrc; zsh likewise, behind compinit)",
            "tui-registry completion fish > ~/.config/fish/completions/tui-registry.fish",
        ),
    ),
    Command(
        "demo",
        "Care",
        "look around in sample data, without touching your replica",
        _demo,
        "demo.demo",
        description=(
            "Open the terminal interface on sample data: a throw-away replica with well-known open models and agents,\n"
            "and a second one, 'neighbour', served on this machine, that has records to pull. Both vanish at the end;\n"
            "your own replica is not touched. The sample's owners are made up for the occasion."
        ),
        examples=(
            "tui-registry demo",
            "tui-registry demo --check",
        ),
    ),
    Command(
        "help",
        "Care",
        "help on a command, or a page to read",
        _help,
        "parser.explain",
        description=(
            "Explain a command, or without one list them all and the pages to read. Where a command has a page of its\n"
            "own, such as 'search', the page follows behind what the command takes. The app shows the pages too, and\n"
            "so does a node, at URL/docs."
        ),
        examples=(
            "tui-registry help start",
            "tui-registry help register",
            "tui-registry help search",
            "tui-registry help trust",
            "tui-registry help protocol | less",
        ),
    ),
)
COMMANDS: dict[str, Command] = {command.name: command for command in _TABLE}

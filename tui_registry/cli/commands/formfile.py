"""`formfile lint|fmt|render|generate|language|build|verify`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from tui_registry.cli.parser import examples, words

_ID = "the record's id, or a beginning that only it has"


def arguments(parser: ArgumentParser) -> None:
    """What `formfile` takes."""
    from tui_registry.formfile.editor import LANGUAGE

    parser.description = (
        "Formfiles: check, format and render them, write one for a record, and hand a record over to a builder as a\n"
        "bundle that proves by itself whose record it is."
    )
    parser.epilog = "\n".join(
        (
            examples(
                "tui-registry formfile lint crew.formfile --record 3fa9c1",
                "tui-registry formfile fmt crew.formfile --write",
                "tui-registry formfile render --record 3fa9c1 --set port=8080",
                "tui-registry formfile generate 3fa9c1 > crew.formfile",
                "tui-registry formfile build 3fa9c1 -o crew.tar --set port=8080 --set-file passwd=passwd.txt",
                "tui-registry formfile verify crew.tar",
            ),
            "",
            "the language:",
            "",
            LANGUAGE.rstrip("\n"),
        )
    )
    names = "lint|fmt|render|generate|language|build|verify"
    actions = parser.add_subparsers(dest="action", metavar=names, required=True)

    def add(name: str, description: str) -> ArgumentParser:
        # The parser class is the command line's own, which takes the words of `command` from a table.
        added: ArgumentParser = actions.add_parser(name, command="", description=description)
        return added

    _lint(add("lint", "List what is wrong with a Formfile, each with its place. Exits with 1 when there are errors."))
    _fmt(add("fmt", "Write a Formfile in its one layout. A line with an error stays as it is."))
    _render(add("render", "Fill in the placeholders of a Formfile. With errors nothing is printed."))
    generate = add("generate", "Write a Formfile from what a record says it needs.")
    generate.add_argument("id", metavar="ID", help=_ID)
    generate.add_argument("--json", action="store_true", help="a JSON object")
    add("language", "Explain the language.")
    _build(add("build", _BUILD))
    verify = add("verify", _VERIFY)
    verify.add_argument("file", metavar="FILE", help="a bundle, or - for stdin")
    verify.add_argument("--json", action="store_true", help="print what it holds as a JSON object")


def run(args: Namespace) -> int:
    """Do the action."""
    match args.action:
        case "build" | "verify":
            from tui_registry.cli.commands import formfile_bundles

            return formfile_bundles.run(args)
        case "language":
            from tui_registry.cli.output import out
            from tui_registry.formfile.editor import LANGUAGE

            out(LANGUAGE.rstrip("\n"))
            return 0
        case _:
            from tui_registry.cli.commands import formfile_texts

            return formfile_texts.run(args)


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
_SOURCE = "a file, or - for stdin (default with --record: the record's own template)"


def _lint(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help=_SOURCE)
    parser.add_argument("--strict", action="store_true", help="what the builder would ignore or misread is an error")
    parser.add_argument("--record", metavar="ID", help="say also where it disagrees with this record")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each problem")


def _fmt(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a file, or - for stdin")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="print nothing, exit with 1 if the layout is another")
    how.add_argument("--write", action="store_true", help="write the file anew instead of printing it")
    parser.add_argument("--json", action="store_true", help="a JSON object")


def _render(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help=_SOURCE)
    parser.add_argument("--record", metavar="ID", help="take values from this record")
    _values(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object with the text and the problems")


def _build(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to (default: NAME-ID.tar in this directory), or - for stdout"
    )
    _values(parser)
    parser.add_argument("--strict", action="store_true", help="refuse what the builder would ignore or misread")
    parser.add_argument("--allow-conflict", action="store_true", help="build the current one of several live heads")
    parser.add_argument("--json", action="store_true", help="print what was written as a JSON object")


def _values(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a value for a placeholder; can be given several times",
    )
    parser.add_argument(
        "--set-file",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=FILE",
        help="a value that stands in a file, such as a password: other users can see the words of a command",
    )


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = words(text).partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError("write NAME=VALUE, such as port=8080")
    return name.strip(), value

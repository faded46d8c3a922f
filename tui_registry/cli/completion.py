"""`completion`: scripts for bash, zsh and fish, and what they ask at each press of Tab.

The scripts know nothing of the commands: they hand over the line, and what could stand next is found here, from the
parser that reads the line later and from the replica: ids, peers, saved searches, fields of a query and their values.
"""

from __future__ import annotations

import argparse
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tui_registry.cli.parser import PROGRAM, build_parser
from tui_registry.errors import RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.text import safe_text

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore
    from tui_registry.errors import Choice

# So many of a kind are offered; who types on is offered others.
_MOST = 100
_WIDEST = 60

Kind: TypeAlias = Literal["words", "files", "folders"]


class Candidate(NamedTuple):
    """What the word at the cursor may become, and a few words on it."""

    word: str
    about: str = ""


class Offer(NamedTuple):
    """What may stand at the cursor: `words`, or a name of the file system, which shells complete themselves.

    Attributes:
        is_open: the words go on: no space belongs behind them.
    """

    kind: Kind
    candidates: Sequence[Candidate] = ()
    is_open: bool = False


def completion(args: Namespace) -> int:
    """Print a shell's script, or what may stand at the cursor of a line."""
    if args.shell in SCRIPTS:
        sys.stdout.write(SCRIPTS[args.shell])
        return 0
    words, quote = (list(args.words), "") if args.line is None else split(args.line)
    # A shell that is given an error shows nothing: the command will say it when it is run.
    offered = Offer("words")
    with suppress(RegistryError, OSError, ValueError):
        offered = offer(words)
    # What strangers call their records goes to a terminal, too.
    spelt = [(one.word, one.about) for one in offered.candidates if safe_text(one.word) == one.word]
    if args.breaks is not None:
        # Within these quotes bash looks for commands of its history behind a "!", and nothing keeps it from that.
        fit = ((word, about) for word, about in spelt if quote != '"' or "!" not in word)
        spelt = [(_for_bash(word, words[-1], quote, args.breaks), about) for word, about in fit]
    lines = [f"{offered.kind} open" if offered.is_open else offered.kind]
    lines += [f"{word}\t{safe_text(about, _WIDEST)}" for word, about in spelt]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def offer(words: Sequence[str]) -> Offer:
    """What may stand in place of the last of the words of a line, without the program's name.

    Raises:
        RegistryError: the replica cannot be read.
    """
    *before, typed = words or [""]
    return _Line(before).offer(typed)


def split(line: str) -> tuple[list[str], str]:
    """The words of a line up to the cursor, without the program's name, as a shell reads them, and the quote that is
    open there, if one is. The last word is being typed: it may be empty."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    place = 0
    while place < len(line):
        character = line[place]
        place += 1
        if quote:
            if character == quote:
                quote = ""
            elif character == "\\" and quote == '"' and line[place : place + 1] in ('"', "\\", "$", "`"):
                word, place = (word or "") + line[place], place + 1
            else:
                word = (word or "") + character
        elif character in "'\"":
            quote, word = character, word or ""
        elif character == "\\":
            word, place = (word or "") + line[place : place + 1], place + 1
        elif character.isspace():
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + character
    words.append(word or "")
    while len(words) > 1 and re.match(r"[A-Za-z_]\w*=", words[0]):
        del words[0]  # a variable of the command's environment
    return words[1:], quote


def _for_bash(word: str, typed: str, quote: str, breaks: str) -> str:
    """What bash puts in place of what it takes for the word at the cursor: `kind:` and `model` are two words for it
    outside quotes. It puts it there as it is."""
    if quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", word)
    if quote:
        return word.replace("'", "'\\''")
    cut = max((typed.rfind(mark) + 1 for mark in ":=" if mark in breaks), default=0)
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", word[cut:])


# What the parser knows


class _Line:
    """The words before the cursor, read as far as they say what comes next."""

    def __init__(self, words: Sequence[str]) -> None:
        self._parser: argparse.ArgumentParser = build_parser(words)
        self._given: list[str] = []  # what stands where something has its place
        self._path: list[str] = []  # the command, and its action
        self._option: argparse.Action | None = None  # waits for its value
        self._options_end = False
        self._data_dir: str | None = None
        self._is_lost = False  # behind a command that there is not
        for word in words:
            self._take(word)

    def offer(self, typed: str) -> Offer:
        if self._is_lost:
            return Offer("words")
        if self._option is not None:
            return self._values(self._option, typed)
        name, equals, value = typed.partition("=")
        if not self._options_end and typed.startswith("-"):
            if equals and (action := self._known(name)) is not None:
                found = self._values(action, value)
                return found._replace(candidates=[one._replace(word=f"{name}={one.word}") for one in found.candidates])
            return Offer("words", list(_beginning(typed, self._options())))
        action = self._positional()
        return Offer("words") if action is None else self._values(action, typed)

    # How

    def _take(self, word: str) -> None:
        if self._option is not None:
            self._keep(self._option, word)
            self._option = None
        elif not self._options_end and word == "--":
            self._options_end = True
        elif not self._options_end and word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            action = self._known(name)
            if action is not None and action.nargs != 0:
                if equals:
                    self._keep(action, value)
                else:
                    self._option = action
        else:
            action = self._positional()
            if isinstance(action, argparse._SubParsersAction):
                parser = action.choices.get(word)
                if parser is None:
                    self._is_lost = True
                else:
                    self._enter(word, parser)
            else:
                self._given.append(word)

    def _enter(self, word: str, parser: argparse.ArgumentParser) -> None:
        declare = getattr(parser, "declare", None)
        if declare is not None:
            declare()
        self._parser = parser
        self._path.append(word)
        self._given = []

    def _keep(self, action: argparse.Action, value: str) -> None:
        if action.dest == "data_dir":
            self._data_dir = value

    def _known(self, name: str) -> argparse.Action | None:
        return next((action for action in self._parser._actions if name in action.option_strings), None)

    def _options(self) -> Iterator[Candidate]:
        for action in self._parser._actions:
            if action.help != argparse.SUPPRESS:
                yield from (Candidate(name, _first_of(action.help)) for name in action.option_strings if name != "-h")

    def _positional(self) -> argparse.Action | None:
        """What the next word without a dash would be."""
        left = len(self._given)
        for action in self._parser._actions:
            if action.option_strings:
                continue
            if action.nargs in ("*", "+") or not left:
                return action
            left -= 1
        return None

    def _values(self, action: argparse.Action, typed: str) -> Offer:
        if isinstance(action, argparse._SubParsersAction):
            return Offer("words", list(_beginning(typed, self._commands(action))))
        where = " ".join(self._path)
        made = _ASKED.get((where, action.dest)) or _ASKED.get(("", action.dest))
        if made is not None:
            return made(self, typed)
        if action.choices is not None:
            return Offer("words", list(_beginning(typed, (Candidate(str(choice)) for choice in action.choices))))
        names = {*(action.metavar if isinstance(action.metavar, tuple) else (str(action.metavar),))}
        if names & _FOLDERS:
            return Offer("folders")
        return Offer("files") if names & _FILES else Offer("words")

    def _commands(self, action: argparse._SubParsersAction[argparse.ArgumentParser]) -> Iterator[Candidate]:
        if not self._path:
            from tui_registry.cli.commands import COMMANDS

            return (Candidate(command.name, command.summary) for command in COMMANDS.values())
        return (Candidate(name, _first_of(parser.description)) for name, parser in action.choices.items())

    # What the replica knows

    def ids(self, typed: str) -> Offer:
        """Records by the beginning of their id or of their name; a name that does not lead to the record by itself, or
        cannot stand in a line, stands as its id."""

        def found(datastore: Datastore) -> Iterator[Candidate]:
            digits = typed.lower().removeprefix("0x")
            if set(digits) <= set("0123456789abcdef"):
                for row in datastore.search(f"id:{digits}" if digits else "", limit=_MOST).rows:
                    yield Candidate(row.id[: max(_ID_SHOWN, len(digits))], f"{row.kind} {row.name} {row.version}")
            own = " ".join(self._path) in _WRITE
            for choice in datastore.beginning(typed, own=own, limit=_NAMES_OFFERED) if typed else ():
                leads = self._leads(datastore, choice, own=own)
                word = choice.name if leads else choice.id[:_ID_SHOWN]
                yield Candidate(word, f"{choice.kind} {choice.version if leads else choice.name}")

        return self._asking(found)

    def _leads(self, datastore: Datastore, choice: Choice, *, own: bool) -> bool:
        """Whether the name of a record is enough for it in this line."""
        name = choice.name
        if (name.startswith("-") and not self._options_end) or safe_text(name) != name or name != name.strip():
            return False
        try:
            return datastore.find(name, own=own)[1] == choice.id
        except RegistryError:
            return False

    def operations(self, typed: str) -> Offer:
        """The operations of the record that the line names."""

        def found(datastore: Datastore) -> Iterator[Candidate]:
            if self._given:
                _, identifier = datastore.find(self._given[0], deleted=True)
                for entry in datastore.history(identifier, limit=_MOST):
                    if entry.hash.startswith(typed):
                        yield Candidate(entry.hash[:_ID_SHOWN], entry.did)

        return self._asking(found)

    def manifest_operations(self, typed: str) -> Offer:
        """The operations on the manifest of the record that the line names."""

        def found(datastore: Datastore) -> Iterator[Candidate]:
            if self._given:
                _, identifier = datastore.find(self._given[0], deleted=True)
                for entry in datastore.manifests.history(identifier, limit=_MOST):
                    if entry.hash.startswith(typed):
                        yield Candidate(entry.hash[:_ID_SHOWN], entry.did)

        return self._asking(found)

    def peers(self, typed: str) -> Offer:
        """Peers by name, without those that the line has already."""
        return self._asking(
            lambda datastore: _beginning(
                typed, (Candidate(p.name, p.address) for p in datastore.peers.all() if p.name not in self._given)
            )
        )

    def searches(self, typed: str) -> Offer:
        """Saved searches by name."""
        return self._asking(
            lambda datastore: _beginning(typed, (Candidate(*one) for one in datastore.searches.saved().items()))
        )

    def owners(self, typed: str) -> Offer:
        """Keys that have a name here."""
        return self._asking(
            lambda datastore: _beginning(typed, (Candidate(*one) for one in datastore.names.all().items()))
        )

    def watchable(self, typed: str) -> Offer:
        """Keys that have a name here, and with `@` saved searches."""
        if not typed.startswith("@"):
            return self.owners(typed)
        return self._asking(
            lambda datastore: _beginning(
                typed, (Candidate(f"@{name}", query) for name, query in datastore.searches.saved().items())
            )
        )

    def batches(self, typed: str) -> Offer:
        """What was written together, by its number."""

        def found(datastore: Datastore) -> Iterator[Candidate]:
            numbers = (Candidate(str(batch.number), batch.label) for batch in datastore.log.batches(_MOST))
            return _beginning(typed, (Candidate("last", "the last of them"), *numbers))

        return self._asking(found)

    def query(self, typed: str) -> Offer:
        """Fields and values at the end of a query."""

        def found(datastore: Datastore) -> Iterator[Candidate]:
            for one in datastore.complete(typed, len(typed)):
                if one.end == len(typed):
                    yield Candidate(typed[: one.start] + one.insert.rstrip(), one.detail)

        offered = self._asking(found)
        return offered._replace(is_open=any(one.word.endswith((":", "<", ">", "=")) for one in offered.candidates))

    def shells(self, typed: str) -> Offer:
        """The shells that there is a script for."""
        return Offer("words", list(_beginning(typed, map(Candidate, SCRIPTS))))

    def settings(self, typed: str) -> Offer:
        """What can be set in the settings."""
        from tui_registry.cli.config import names

        return Offer("words", list(_beginning(typed, map(Candidate, names()))))

    def machines(self, typed: str) -> Offer:
        """Saved machines, and how one is begun that is none of them."""
        from tui_registry.settings import SettingsError, load_settings

        try:
            saved = load_settings().machines
        except SettingsError:
            saved = ()
        begun = [Candidate("gpu=", "the memory of a GPU, such as gpu=24gb"), Candidate("ram=", "memory, such as 64gb")]
        return Offer("words", list(_beginning(typed, (*(Candidate(*one) for one in saved), *begun))))

    def _asking(self, found: Callable[[Datastore], Iterator[Candidate]]) -> Offer:
        from tui_registry.datastore import DATABASE, Datastore
        from tui_registry.settings import data_dir

        if self._data_dir == "" or not (data_dir(self._data_dir) / DATABASE).exists():
            return Offer("words")
        # Who presses Tab makes nothing, and waits for nobody who writes.
        with Datastore.open(self._data_dir, read_only=True) as datastore:
            return Offer("words", list(found(datastore)))


_ID_SHOWN = 12
_NAMES_OFFERED = 20
# These look among one's own records first.
_WRITE: Final = frozenset(
    ("update", "delete", "undo", "restore", "resolve", "deprecate", "manifest set", "manifest edit", "manifest delete",
     "manifest resolve", "change")
)  # fmt: skip
_ASKED: Final[Mapping[tuple[str, str], Callable[[_Line, str], Offer]]] = {
    ("", "id"): _Line.ids,
    ("", "ids"): _Line.ids,
    ("", "record"): _Line.ids,
    ("watch", "what"): _Line.watchable,
    ("diff", "op"): _Line.operations,
    ("diff", "other"): _Line.operations,
    ("resolve", "take"): _Line.operations,
    ("manifest resolve", "take"): _Line.manifest_operations,
    ("deprecate", "by"): _Line.ids,
    ("search", "query"): _Line.query,
    ("search", "forget"): _Line.searches,
    ("search", "save"): _Line.searches,
    ("export", "query"): _Line.query,
    ("change", "search"): _Line.query,
    ("", "open_on"): _Line.query,
    ("sync", "peers"): _Line.peers,
    ("publish", "to"): _Line.peers,
    ("peer remove", "name"): _Line.peers,
    ("peer look", "where"): _Line.peers,
    ("peer show", "name"): _Line.peers,
    ("peer trust", "name"): _Line.peers,
    ("peer limit", "name"): _Line.peers,
    ("", "owner"): _Line.owners,
    ("purge", "peer"): _Line.peers,
    ("identity name", "address"): _Line.owners,
    ("undo", "batch"): _Line.batches,
    ("completion", "shell"): _Line.shells,
    ("config set", "name"): _Line.settings,
    ("", "machine"): _Line.machines,
}
_FOLDERS = {"DIR", "DIR|URL"}
_FILES = {"FILE", "SOURCE", "URL|DIR", "NAME=FILE"}


def _beginning(typed: str, candidates: Iterator[Candidate] | Sequence[Candidate]) -> Iterator[Candidate]:
    return (one for one in candidates if one.word.startswith(typed))


def _first_of(text: str | None) -> str:
    """The first sentence of a help, on one line."""
    return " ".join((text or "").split()).partition(". ")[0]


# The scripts

SCRIPTS: Final[Mapping[str, str]] = {
    "bash": f"""\
# Completion of {PROGRAM} for bash: 'source <({PROGRAM} completion bash)' in ~/.bashrc
_tui_registry() {{
    local kind word about
    COMPREPLY=()
    {{
        read -r kind || return
        while IFS=$'\\t' read -r word about; do COMPREPLY+=("$word"); done
    }} < <("$1" completion words --breaks="$COMP_WORDBREAKS" --line="${{COMP_LINE:0:COMP_POINT}}" 2>/dev/null)
    case "$kind" in
        files) compopt -o default 2>/dev/null ;;
        folders) compopt -o dirnames 2>/dev/null ;;
        'words open') compopt -o nospace 2>/dev/null ;;
    esac
}}
complete -F _tui_registry {PROGRAM}
""",
    "zsh": f"""\
#compdef {PROGRAM}
# Completion of {PROGRAM} for zsh: 'source <({PROGRAM} completion zsh)' in ~/.zshrc, behind compinit; or as a file named
# _{PROGRAM} in a folder of $fpath.
_tui_registry() {{
    local -a lines found shown
    local line kind
    lines=("${{(@f)$("${{words[1]}}" completion words -- "${{(@Q)words[2,CURRENT-1]}}" "${{(Q)PREFIX}}" 2>/dev/null)}}")
    kind="${{lines[1]}}"
    for line in "${{(@)lines[2,-1]}}"; do
        found+=("${{line%%$'\\t'*}}")
        shown+=("${{line%%$'\\t'*}}  ${{line#*$'\\t'}}")
    done
    case "$kind" in
        files) _files ;;
        folders) _files -/ ;;
        'words open') compadd -U -S '' -l -d shown -a found ;;
        *) (( $#found )) && compadd -U -l -d shown -a found ;;
    esac
}}
if [[ "$funcstack[1]" = _tui_registry || "$funcstack[1]" = _{PROGRAM} ]]; then
    _tui_registry "$@"
else
    compdef _tui_registry {PROGRAM}
fi
""",
    "fish": f"""\
# Completion of {PROGRAM} for fish: '{PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish'
function __tui_registry
    set -l program (commandline -opc)[1]
    set -l lines ($program completion words --line=(commandline -pc | string collect) 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case folders
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $lines[2..-1]
    end
end
complete -c {PROGRAM} -f -a '(__tui_registry)'
""",
}

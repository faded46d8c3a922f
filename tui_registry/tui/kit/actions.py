"""The one registry of actions: key bindings, footers, help and the command palette read it.

`ACTIONS` has the keys as they come with the program; `action` and `actions_for` have those in force, which a person's
own settings may change (`use_keys`). Letters and digits are never priority bindings: while an input has the focus they
type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from textual.binding import Binding, BindingType

from tui_registry.frozen import NamedTuple

Where = Literal[
    "everywhere", "browse", "empty", "typing", "facets", "searches", "columns", "list", "marks", "record", "text",
    "detail", "conflict", "writing", "register", "items", "entries", "template", "drafts", "area", "licence", "merge",
    "import", "take",
    "findings",
    "mending", "sync", "quarantine", "left_out", "history", "narrowing", "version", "settings", "compare", "status",
    "page", "locked_file", "locked_file_path", "dialog", "own", "line",
]  # fmt: skip

HEADINGS: Final[dict[Where, str]] = {
    "everywhere": "Everywhere",
    "browse": "Browse",
    "empty": "Where no record is yet",
    "typing": "In the search line",
    "facets": "In the filters",
    "searches": "In the list of searches",
    "columns": "When the columns of the list are chosen",
    "list": "In a list",
    "marks": "In the list of records",
    "record": "On a record",
    "text": "In the detail",
    "detail": "Detail",
    "conflict": "In the versions of a record in conflict",
    "writing": "When a long text is written for one",
    "register": "Register and edit",
    "items": "In a list of a form, such as its tags",
    "entries": "In a list of files, interfaces or results of a form",
    "area": "In a text of many lines",
    "licence": "In the licence of a form",
    "template": "In the Formfile of a form",
    "drafts": "In the list of drafts",
    "merge": "When a record changed while you edited it",
    "import": "When asked where to import from",
    "take": "When asked where to take records from",
    "findings": "In the list of what was found",
    "mending": "When one value is given to several that were found",
    "sync": "Sync",
    "quarantine": "In the quarantine",
    "left_out": "In the list of what is left out",
    "history": "History",
    "narrowing": "In the line that narrows a list",
    "version": "On a version of a record",
    "settings": "Settings",
    "compare": "Compare",
    "status": "When asked whether a record is still to be used",
    "page": "In this help",
    "locked_file": "When asked for a file and its passphrase",
    "locked_file_path": "In the line of the file",
    "dialog": "In a dialog",
    "line": "In the command line",
    "own": "Your own commands, on a record",
}


class Action(NamedTuple):
    """Something a person can do.

    Attributes:
        id: stable, for remapping keys.
        keys: as Textual names them; none for an action that only the palette offers.
        label: a word or two, for the footer and the palette.
        tooltip: one sentence without a full stop, for help.
        where: on which part of the screen the keys work.
        name: the `action_<name>` method that does it, with its argument if it takes one.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    tooltip: str
    where: Where
    name: str

    @property
    def shown_keys(self) -> str:
        """The keys as people read them: `ctrl+q`, `? or F1`."""
        return " or ".join(key_name(key) for key in self.keys)

    @property
    def pressed_key(self) -> str:
        """The first of the keys as Textual names it in events: `?` is `question_mark`; empty where there is none."""
        if not self.keys:
            return ""
        (binding,) = Binding.make_bindings([Binding(self.keys[0], self.name)])
        return binding.key

    @property
    def footer_key(self) -> str:
        """The first of the keys, as the footer shows it; of an action without one, how else it is found."""
        if self.keys:
            return key_name(self.keys[0])
        return f'{action("app.palette").footer_key} "{self.label}"'


def key_name(key: str) -> str:
    """A key as people read it."""
    return _KEY_NAMES.get(key, key.upper() if key[:1] == "f" and key[1:].isdigit() else key)


_KEY_NAMES: Final = {
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
    "space": "space",
}


# Between the fields of a form. With priority, so that what is typed after a Tab in one burst (a slow line, a macro)
# reaches the field that the Tab led to.
TYPE_AHEAD: Final[tuple[BindingType, ...]] = (
    Binding("tab", "app.focus_next", show=False, priority=True),
    Binding("shift+tab", "app.focus_previous", show=False, priority=True),
)

# Only keys that no input takes may have priority.
_PRIORITY: Final = frozenset({"app.quit", "app.palette", "app.help_f1", "app.redraw", "app.suspend"})


def bindings_for(*places: Where) -> list[BindingType]:
    """The bindings of the actions of these places, in the registry's order, with the keys of the program: the app lays
    those of the person's own over them (`keymap`)."""
    bindings: list[BindingType] = []
    for item in ACTIONS:
        if item.where in places:
            first = item.id in _PRIORITY
            bindings.append(_binding(item, item.id, item.keys, priority=first))
            if first:
                bindings.append(_binding(item, item.id + _TYPED, (), priority=False))
    return bindings


def _binding(item: Action, binding_id: str, keys: tuple[str, ...], *, priority: bool) -> Binding:
    return Binding(
        ",".join(keys) or _NO_KEY,
        item.name,
        item.label,
        tooltip=item.tooltip,
        id=binding_id,
        priority=priority,
        show=False,
    )


# In place of a key for an action that has none: no terminal sends it, and the person's own keys need a binding.
_NO_KEY: Final = "no_key"
# The same action for its keys that type: those must not come before an input.
_TYPED: Final = ".typed"


def types(key: str) -> bool:
    """Whether a key writes a character where text is written."""
    return len(key) == 1 or key == "space"


def use_keys(keys: Mapping[str, tuple[str, ...]], own: Iterable[Action] = ()) -> None:
    """From now on these are the keys of these actions, by id, and all others have those of the program.

    Keys are shown in a hundred places, most of which know no app: what is in force is so for the whole process.

    Args:
        own: what a person's own settings add to the actions.
    """
    _in_force.clear()
    _in_force.update((item.id, item._replace(keys=keys.get(item.id, item.keys))) for item in (*ACTIONS, *own))


def keymap(keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The same for Textual, which lays it over `bindings_for`."""
    textual: dict[str, str] = {}
    for name, given in keys.items():
        if name in _PRIORITY:
            textual[name] = ",".join(key for key in map(_spelt, given) if not types(key)) or _NO_KEY
            textual[name + _TYPED] = ",".join(key for key in map(_spelt, given) if types(key)) or _NO_KEY
        else:
            textual[name] = ",".join(map(_spelt, given)) or _NO_KEY
    return textual


def _spelt(key: str) -> str:
    return "comma" if key == "," else key


def actions_for(*places: Where) -> list[Action]:
    """The actions of these places, in the registry's order, with the keys in force."""
    return [item for item in _in_force.values() if item.where in places]


def action(action_id: str) -> Action:
    """The action of that id, with the keys in force.

    Raises:
        KeyError: there is none.
    """
    return _in_force[action_id]


def key_of(action_id: str) -> str:
    """The first of an action's keys as people read it, for a sentence that names it."""
    return action(action_id).footer_key


def meant_by(key: str, at_hand: Collection[str]) -> Action | None:
    """What a key that does nothing may have been pressed for, of the actions at hand, by their ids: the same key with
    Ctrl or as the other case, or what other programs do with it.

    Args:
        key: as Textual names it.
    """
    close = (f"ctrl+{key}", key.removeprefix("ctrl+"), key.swapcase())
    known = [item for item in _in_force.values() if item.id in at_hand and item.keys]
    near = next((item for other in close for item in known if other != key and other in item.keys), None)
    return near or next((item for habit in _HABITS.get(key, ()) for item in known if item.id.endswith(habit)), None)


# The ends of the ids of actions that these keys begin in other programs.
_HABITS: Final[dict[str, tuple[str, ...]]] = {
    "q": (".back", ".quit"), "Q": (".quit",), "delete": (".delete", ".remove"), "insert": (".new", ".add"),
    "backspace": (".back",), "h": (".previous_tab", ".previous", ".back"), "l": (".next_tab", ".next", ".open"),
    "ctrl+f": (".search", ".find"), "ctrl+n": (".new", ".add"), "a": (".new", ".add"), "r": (".retry", ".redraw"),
    "f2": (".edit", ".change"), "f5": (".pull_all", ".redraw"), "f10": (".quit",), "colon": (".palette",),
    "space": (".mark", ".toggle", ".open"), "right": (".open",), "left": (".back",), "x": (".delete", ".remove"),
    "p": (".sync", ".pull"), "c": (".copy",), "w": (".save",), "u": (".undo",), "ctrl+r": (".pull", ".redraw"),
}  # fmt: skip

ACTIONS: Final[tuple[Action, ...]] = (
    Action("app.browse", ("1",), "Browse", "Models and agents of this replica", "everywhere", "mode('browse')"),
    Action("app.register", ("2",), "Register", "Register a model or an agent", "everywhere", "mode('register')"),
    Action("app.sync", ("3",), "Sync", "Peers: add one, pull from them", "everywhere", "mode('sync')"),
    Action("app.history", ("4",), "History", "What happened in this replica", "everywhere", "mode('history')"),
    Action("app.settings", ("5",), "Settings", "Colours, names, where your files and your key are", "everywhere",
           "mode('settings')"),
    Action("app.conflicts", ("!",), "conflict", "Show the record that is in conflict, or the list of those that are",
           "everywhere", "conflicts"),
    Action("app.help", ("?",), "help", "Show all keys and the query language", "everywhere", "help"),
    Action("app.help_f1", ("f1",), "help", "The same, also while typing", "everywhere", "help"),
    Action("app.line", (":",), "command line", "Type a command of tui-registry, such as verify or show NAME",
           "everywhere", "command_line"),
    Action("app.palette", ("ctrl+p",), "commands", "Find any command by its name or its key", "everywhere",
           "command_palette"),
    Action("app.theme", (), "Change the colour theme", "Choose another set of colours", "everywhere", "change_theme"),
    Action("app.redraw", ("ctrl+l",), "Draw the screen anew", "Draw the screen anew, when another program wrote on it",
           "everywhere", "redraw"),
    Action("app.suspend", ("ctrl+z",), "Leave to the shell", "Leave the screen to the shell, where fg brings it back; "
           "in a text or a list of a form it takes back what was typed", "everywhere", "suspend_process"),
    Action("app.tour", ("f8",), "tour", "A tour of five steps through sample data; in it: the next step, or leave",
           "everywhere", "tour"),
    Action("app.leave_sample", ("f9",), "your own", "From the sample data back to your own replica", "everywhere",
           "leave_sample"),
    Action("app.look_around", (), "Look around", "Look around in sample data, which leaves this replica alone",
           "everywhere", "look_around"),
    Action("app.quit", ("ctrl+q",), "quit", "Quit; drafts are kept", "everywhere", "quit"),
    # Browse
    Action("browse.search", ("/",), "find", "Search as you type", "browse", "search"),
    Action("search.to_list", ("enter",), "to the list", "From the search line to the list", "typing", "to_list"),
    Action("search.complete", ("tab",), "complete", "Take the completion, or show what could be typed here; right does "
           "too at the end of the line", "typing", "complete"),
    Action("search.up", ("up",), "earlier", "The completion before, or the search before this one", "typing", "up"),
    Action("search.down", ("down",), "down", "The next completion, the search after this one, or the list", "typing",
           "down"),
    Action("browse.filters", ("f",), "filters", "Narrow the list by what its records have in common", "browse",
           "filters"),
    Action("browse.save_search", ("ctrl+s",), "save search", "Keep the search under a name, for @name", "browse",
           "save_search"),
    Action("browse.searches", ("@",), "searches", "Saved searches, and the last ones", "browse", "searches"),
    Action("browse.new", ("n",), "new", "Register a new model or agent", "browse", "new"),
    Action("browse.import", ("i",), "import", "Import from a file, a folder or an address", "browse", "import"),
    Action("browse.mark_range", ("V",), "mark to here", "Mark all between the record that was marked last and this one",
           "browse", "mark_range"),
    Action("browse.mark_all", ("a",), "mark all", "Mark all that are found, or unmark them", "browse", "mark_all"),
    Action("browse.compare", ("=",), "compare", "Compare the marked records, 2 to 4; of one, with the one under the "
           "cursor", "browse", "compare"),
    Action("browse.order", ("t",), "order", "Sort by the next key: name, size, context, memory, age; it stands in the "
           "search as sort:", "browse", "order"),
    Action("browse.turn", ("T",), "turn", "Turn the order around", "browse", "turn"),
    Action("browse.columns", ("C",), "columns", "Choose the columns of the list and their order", "browse", "columns"),
    Action("browse.sync", ("s",), "sync", "Go to the peers and pull from them", "browse", "sync"),
    Action("browse.copy_key", ("K",), "copy of the key", "Save a copy of your key under a passphrase", "browse",
           "save_key"),
    Action("browse.news", (".",), "news", "List what came from others since you looked; leaving that list lets nothing "
           "of it be new", "browse", "news"),
    Action("browse.back", ("escape",), "back", "One level back: the list, then no query", "browse", "back"),
    Action("columns.toggle", ("space",), "show", "Show the column, or leave it out", "columns", "tick"),
    Action("columns.left", ("left",), "further left", "Move the column to the left", "columns", "move(-1)"),
    Action("columns.right", ("right",), "further right", "Move the column to the right", "columns", "move(1)"),
    Action("columns.reset", ("r",), "by width", "Leave the choice of columns to the width of the terminal again",
           "columns", "reset"),
    # Where there is no record yet
    Action("empty.add", ("a",), "take", "Take what others registered, from a node, a folder or a bundle, after a look",
           "empty", "take"),
    Action("empty.look_around", ("l",), "look around", "Look around in sample data, which leaves this replica alone",
           "empty", "look_around"),
    # In the filters, in the list of searches
    Action("facets.toggle", ("space", "enter"), "toggle", "Put the value into the search, or take it out", "facets",
           "choose"),
    Action("facets.next_field", ("right",), "next field", "To the next field", "facets", "next_field"),
    Action("facets.previous_field", ("left",), "field before", "To the field before", "facets", "previous_field"),
    Action("searches.forget", ("delete", "ctrl+d"), "forget", "Forget the saved search under the cursor, after a "
           "question", "searches", "forget"),
    # On a record
    Action("record.edit", ("e",), "edit", "Edit the record", "record", "edit"),
    Action("record.delete", ("d",), "delete", "Delete the record, after a question", "record", "delete"),
    Action("record.new_version", ("v",), "new version", "Edit the record as its next version", "record", "new_version"),
    Action("record.status", ("D",), "deprecate", "Deprecate or withdraw the record, or say that it is to be used again",
           "record", "status"),
    Action("record.undo", ("u",), "undo", "Undo the last operation on the record", "record", "undo"),
    Action("record.undelete", ("U",), "bring back", "Bring back your record that was deleted last", "record",
           "undelete"),
    Action("record.duplicate", (), "Duplicate as new", "Start a new record from this one", "record", "duplicate"),
    Action("record.copy", ("y",), "copy", "Copy the id, the JSON or a line to share", "record", "copy"),
    Action("record.export", ("E",), "export", "Write the record, or the marked ones, into a file: as JSON, as signed "
           "operations, as a bill of materials", "record", "export"),
    Action("record.tags", ("+",), "tags", "Add tags to the record or to those of yours that are marked, or take some "
           "away", "record", "tags"),
    Action("record.licence", ("L",), "licence", "Set the licence of the record or of those of yours that are marked",
           "record", "licence"),
    Action("record.name_owner", ("o",), "name owner", "Give the owner's key a name of yours", "record", "name_owner"),
    Action("record.owner", ("b",), "owner", "Mute, block or purge the owner, or take that back", "record", "owner"),
    Action("record.older", ("[",), "older", "To an older version in history, or the link before", "record", "older"),
    Action("record.newer", ("]",), "newer", "To a newer version in history, or the next link", "record", "newer"),
    Action("record.open_version", ("enter",), "as it was", "Open the version under the cursor: the record as it was "
           "then; in the links the record under it", "record", "open_version"),
    Action("record.star", ("*",), "star", "Put a star to the record, or to the marked ones, for yourself alone; again "
           "takes it away", "record", "star"),
    Action("record.note", ("N",), "note", "Write a note of your own to the record, which nobody else sees", "record",
           "note"),
    Action("record.watch", ("w",), "watch", "Watch the owner or the search: what is new of it is told by itself; or "
           "watch it no more", "record", "watch"),
    Action("record.machine", ("m",), "machine", "Look with the eyes of another machine: which models run there",
           "record", "machine"),
    Action("record.use", ("x",), "use", "Show the lines for tools that read its files or interfaces, and copy one; "
           "none is run", "record", "use"),
    Action("record.open_link", ("O",), "open a link", "Show an address that the record names, and open it in a browser",
           "record", "open_link"),
    Action("record.check_file", ("c",), "check a file", "Whether a file on this machine is one of the record, or of "
           "another one here", "record", "check_file"),
    Action("record.conflict", ("!",), "conflict", "Show the versions of a record in conflict, and settle it", "record",
           "conflict"),
    Action("record.next_tab", ("right",), "next tab", "Next tab of the detail", "record", "next_tab"),
    Action("record.previous_tab", ("left",), "previous tab", "Previous tab of the detail", "record", "previous_tab"),
    # In a list
    Action("list.open", ("enter",), "open", "Open the record under the cursor", "list", "open"),
    Action("list.down", ("j", "down"), "down", "Next record", "list", "cursor_down"),
    Action("list.up", ("k", "up"), "up", "Previous record", "list", "cursor_up"),
    Action("list.page_down", ("pagedown",), "page down", "A page down", "list", "page_down"),
    Action("list.page_up", ("pageup",), "page up", "A page up", "list", "page_up"),
    Action("list.first", ("g", "home"), "first", "First record", "list", "first"),
    Action("list.last", ("G", "end"), "last", "Last record", "list", "last"),
    Action("marks.mark", ("space",), "mark", "Mark the record, to do something with several at once", "marks", "mark"),
    # In the detail
    Action("text.down", ("j", "down"), "down", "A line down", "text", "scroll_down"),
    Action("text.up", ("k", "up"), "up", "A line up", "text", "scroll_up"),
    Action("text.page_down", ("pagedown", "space"), "page down", "A page down", "text", "page_down"),
    Action("text.page_up", ("pageup",), "page up", "A page up", "text", "page_up"),
    Action("text.first", ("g", "home"), "top", "To the top", "text", "scroll_home"),
    Action("text.last", ("G", "end"), "end", "To the end", "text", "scroll_end"),
    Action("detail.back", ("escape", "backspace"), "back", "Back to the list, or to the record before", "detail",
           "back"),
    # The versions of a record in conflict
    Action("conflict.next_side", ("right",), "next column", "To the next column: before, the versions, the result",
           "conflict", "next_side"),
    Action("conflict.previous_side", ("left",), "column before", "To the column before", "conflict", "previous_side"),
    Action("conflict.take", ("space",), "take", "Take the value under the cursor; an item of a list in or out",
           "conflict", "take"),
    *(
        Action(f"conflict.take_{name}", (name,), f"take {name.upper()}", f"Take the field as {name.upper()} has it",
               "conflict", f"take({place})")
        for place, name in enumerate("abc")
    ),
    Action("conflict.side", ("w",), "all of it", "Take every field as the version under the cursor has it",
           "conflict", "side"),
    *(
        Action(f"conflict.side_{name.lower()}", (name,), f"all of {name}", f"Take every field as {name} has it",
               "conflict", f"side({place})")
        for place, name in enumerate("ABC")
    ),
    Action("conflict.rest", ("r",), "the rest", "Take what is still undecided as the version under the cursor has it, "
           "else as the current one", "conflict", "rest"),
    Action("conflict.change", ("enter",), "write", "Write a value of your own; in a list choose items first",
           "conflict", "change"),
    Action("conflict.read", ("tab",), "read", "To the field in full, and back to the fields", "conflict", "read"),
    Action("conflict.undo", ("u",), "undo", "Take the last decision back", "conflict", "undo"),
    Action("conflict.next", ("ctrl+n",), "next", "To the next field that is undecided or wrong", "conflict",
           "next_field"),
    Action("conflict.save", ("ctrl+s",), "sign", "Sign what was decided as one version", "conflict", "save"),
    Action("conflict.delete", ("d",), "delete", "Settle it by deleting the record, after a question", "conflict",
           "delete"),
    Action("conflict.back", ("escape",), "back", "Back; what was decided is kept as long as the app runs", "conflict",
           "back"),
    Action("writing.accept", ("ctrl+s",), "take it", "Take the text as it stands", "writing", "accept"),
    # Register and edit
    Action("register.save", ("ctrl+s",), "sign", "Sign and save, or go to the first problem", "register", "save"),
    Action("register.next_problem", ("ctrl+n",), "next problem", "Go to the next problem", "register", "next_problem"),
    Action("register.suggestion", ("ctrl+t",), "take it", "Write what the problem says in place of what is wrong; of "
           "several one is chosen", "register", "take_suggestion"),
    Action("register.licence", (), "Choose a licence", "Choose a licence from those that are common", "register",
           "pick_licence"),
    Action("licence.pick", ("f2",), "licences", "Choose a licence that is common, or that records here have", "licence",
           "pick"),
    Action("register.preview", ("ctrl+r",), "preview", "Show the record as it would be signed", "register", "preview"),
    Action("register.next_section", ("ctrl+down", "f6"), "next part", "Next part of the form", "register",
           "next_section"),
    Action("register.previous_section", ("ctrl+up",), "part before", "Part of the form before", "register",
           "previous_section"),
    Action("register.discard", (), "Discard the draft", "Forget what was typed in this form", "register",
           "discard_draft"),
    Action("register.back", ("escape",), "back", "Leave the form; the draft is kept", "register", "back"),
    *(
        Action(f"register.section_{name}", (), f"Go to {title}", f"The part of the form called {title}", "register",
               f"section('{name}')")
        for name, title in (
            ("identity", "Identity"), ("technical", "Technical"), ("requirements", "Requirements"),
            ("template", "Template"), ("tags", "Tags & capabilities"), ("description", "Description"),
            ("sources", "Sources"), ("lineage", "Lineage"), ("interfaces", "Interfaces"),
            ("evaluations", "Evaluations"), ("status", "Status"),
        )
    ),
    Action("register.generate", ("f3",), "generate", "Write the Formfile from what the record needs", "register",
           "generate"),
    Action("register.format", (), "Format the Formfile", "Lay out the Formfile in its canonical form", "register",
           "format"),
    Action("register.read_description", ("f4",), "read", "Show the description as it will be read, or edit it",
           "register", "read_description"),
    Action("items.back", ("backspace",), "take back", "In an empty line, take the last item back to change it", "items",
           "delete_left"),
    Action("items.left", ("left",), "item before", "From the start of the line to the items before it", "items",
           "cursor_left"),
    Action("items.right", ("right",), "complete", "At the end of the line take the first completion; over the items go "
           "on", "items", "cursor_right"),
    Action("items.remove", ("delete",), "remove", "Remove the item under the cursor", "items", "delete_right"),
    Action("items.forward", ("ctrl+left",), "forwards", "Move the item under the cursor forwards", "items",
           "cursor_left_word"),
    Action("items.backward", ("ctrl+right",), "backwards", "Move the item under the cursor backwards", "items",
           "cursor_right_word"),
    Action("items.undo", ("ctrl+z",), "undo", "Bring the items back as they were before", "items", "undo"),
    Action("items.complete", ("f2", "ctrl+@"), "in use", "Show what records here say most often", "items", "complete"),
    Action("entries.add", ("a", "insert"), "add", "Add an entry at the end of the list", "entries", "add"),
    Action("entries.remove", ("delete", "d"), "remove", "Remove the entry under the cursor", "entries", "remove"),
    Action("entries.forward", ("ctrl+left",), "forwards", "Move the entry under the cursor forwards", "entries",
           "forward"),
    Action("entries.backward", ("ctrl+right",), "backwards", "Move the entry under the cursor backwards", "entries",
           "backward"),
    Action("entries.undo", ("ctrl+z",), "undo", "Bring the entries back as they were before", "entries", "undo"),
    Action("area.outside", ("ctrl+o",), "editor", "Change the text in the editor that $VISUAL or $EDITOR names", "area",
           "edit_outside"),
    Action("template.complete", ("f2", "ctrl+@"), "complete", "Offer what could stand here", "template", "complete"),
    Action("drafts.discard", ("delete", "ctrl+d"), "discard", "Discard the draft under the cursor, after a question",
           "drafts", "discard"),
    Action("merge.accept", ("ctrl+s",), "merge", "Put the choices into the form", "merge", "accept"),
    Action("import.complete", ("tab",), "complete", "Complete the path", "import", "complete"),
    Action("findings.mark", ("space",), "mark", "Mark what is under the cursor, to sign or mend several at once",
           "findings", "mark"),
    Action("findings.mark_ready", ("a",), "mark all", "Mark all that are new and ready, of those in the list; or "
           "unmark them", "findings", "mark_ready"),
    Action("findings.mark_changed", ("A",), "mark changed", "Mark all that are here and described otherwise now, of "
           "those in the list; or unmark them", "findings", "mark_changed"),
    Action("findings.register", ("r", "ctrl+s"), "register", "Sign what is marked, or what is under the cursor, after "
           "a question: what is new is registered, what changed is updated", "findings", "register"),
    Action("findings.mend", ("m",), "mend", "Give one value to all that have the same problem, or to the marked ones",
           "findings", "mend"),
    Action("findings.undo", ("u",), "undo", "Take back the last value that was given to several", "findings", "undo"),
    Action("findings.find", ("/",), "find", "Narrow the list: words of a name, a file, a state or a problem",
           "findings", "find"),
    Action("findings.back", ("escape",), "back", "Show all again, then leave, after a question where something is "
           "marked or mended", "findings", "back"),
    Action("mending.complete", ("tab",), "complete", "Complete the value", "mending", "complete"),
    Action("mending.suggestion", ("ctrl+t",), "take it", "Write what the problem says in place of what is wrong; of "
           "several one is chosen", "mending", "take_suggestion"),
    Action("take.find", ("ctrl+f",), "find nodes", "Ask the local network, once, which nodes are there", "take",
           "find"),
    # Sync
    Action("sync.pull", ("s", "enter"), "pull", "Pull from the peer under the cursor", "sync", "pull"),
    Action("sync.pull_all", ("S",), "pull all", "Pull from every peer", "sync", "pull_all"),
    Action("sync.push", ("p",), "push", "Offer the peer under the cursor what it lacks, after a question that says how "
           "much", "sync", "push"),
    Action("sync.add", ("a",), "add peer", "Add a node or a folder to pull from", "sync", "add_peer"),
    Action("sync.take", ("A",), "take", "Look at a node, a folder or a bundle's file first, then take what is there",
           "sync", "take"),
    Action("sync.find", ("f",), "find nodes", "Ask the local network, once, which nodes are there", "sync",
           "find_peers"),
    Action("sync.recommended", ("R",), "recommended", "Ask the peer whom it recommends; none is added before you say "
           "so", "sync", "recommended"),
    Action("sync.remove", ("d",), "remove", "Forget the peer; its records stay, or what only it brought is purged",
            "sync", "remove_peer"),
    Action("sync.takes", ("b",), "what is taken", "Take everything from the peer, or only what named keys signed; "
            "mute, block or purge the key that it says is its own", "sync", "takes"),
    Action("sync.retry", ("r",), "retry", "Try a peer that failed again", "sync", "retry"),
    Action("sync.cancel", ("c",), "cancel", "Stop the pull or push; what was read, or taken, stays", "sync", "cancel"),
    Action("sync.cancel_all", ("C",), "cancel all", "Stop every pull and push; what was read, or taken, stays", "sync",
           "cancel_all"),
    Action("sync.copy", ("y",), "copy", "Copy the peer's address to the clipboard", "sync", "copy"),
    Action("sync.trust", ("t",), "its key", "The key that the peer is known by, and what is odd about it", "sync",
           "trust"),
    Action("sync.back", ("escape",), "back", "Back to Browse; a pull goes on", "sync", "back"),
    Action("sync.elsewhere", ("o",), "your key", "What your key signed and this replica did not write, and what that "
           "may mean", "sync", "elsewhere"),
    Action("sync.quarantine", ("x",), "refused", "What was refused, who sent it and why", "sync", "quarantine"),
    Action("sync.left_out", ("l",), "left out", "What is left out or waits for room, and the owners that are muted or "
           "blocked", "sync", "left_out"),
    Action("quarantine.read", ("enter",), "read", "Read the one under the cursor to its end", "quarantine", "read"),
    Action("quarantine.copy", ("y",), "copy", "Copy a report of it, for whoever sent it", "quarantine", "copy"),
    Action("quarantine.back", ("escape",), "back", "Back to the list, then to Sync", "quarantine", "back"),
    Action("left_out.read", ("enter",), "read", "Read the line under the cursor to its end", "left_out", "read"),
    Action("left_out.take_in", ("t",), "take in", "Ask for what waits of the owner at the next sync, whatever the "
           "rations say", "left_out", "take_in"),
    Action("left_out.take_in_all", ("T",), "take in all", "The same of all owners that are not blocked, after a "
           "question", "left_out", "take_in_all"),
    Action("left_out.owner", ("b",), "owner", "Mute, block or purge the owner, or take that back", "left_out", "owner"),
    Action("left_out.copy", ("y",), "copy", "Copy the owner's address", "left_out", "copy"),
    Action("left_out.back", ("escape",), "back", "Back to the list, then to Sync", "left_out", "back"),
    # History
    Action("history.owner", ("b",), "owner", "Mute, block or purge who signed it, or take that back", "history",
           "owner"),
    Action("history.find", ("/",), "find", "Narrow the list: words of a name or an id, owner:, did:, is:mine, "
           "is:elsewhere", "history", "find"),
    Action("history.order", ("t",), "order", "Between the order of arrival and that of the times of writing", "history",
           "order"),
    Action("history.older", ("[",), "older", "To the operation on the same record before this one", "history", "older"),
    Action("history.newer", ("]",), "newer", "To the operation on the same record after this one", "history", "newer"),
    Action("history.restore", ("r",), "restore", "Sign the version under the cursor anew, after a question", "history",
           "restore"),
    Action("history.undo", ("u",), "undo", "Undo the operation, when it is the last on a record of yours; what was "
           "deleted comes back", "history", "undo"),
    Action("history.whose", ("m",), "mine or all", "Between what your key signed and what everybody did", "history",
           "whose"),
    Action("history.copy", ("y",), "copy", "Copy the record's id, the operation's hash or the operation", "history",
           "copy"),
    Action("history.back", ("escape",), "back", "One level back: the list, the whole of it, Browse", "history", "back"),
    Action("narrowing.to_list", ("enter", "down"), "to the list", "From the line to the list", "narrowing", "to_list"),
    Action("version.older", ("[",), "older", "To the version before this one", "version", "older"),
    Action("version.newer", ("]",), "newer", "To the version after this one", "version", "newer"),
    Action("version.now", ("0",), "now", "Back to the record as it is now", "version", "now"),
    Action("version.restore", ("r",), "restore", "Sign this version anew, after a question that shows what would "
           "change; what was deleted comes back", "version", "restore"),
    Action("version.copy", ("y",), "copy", "Copy the id, the JSON or a line to share", "version", "copy"),
    Action("version.next_tab", ("right",), "next tab", "Next tab of the detail", "version", "next_tab"),
    Action("version.previous_tab", ("left",), "previous tab", "Previous tab of the detail", "version", "previous_tab"),
    Action("version.back", ("escape",), "back", "Back to where it was opened", "version", "back"),
    # Settings
    Action("settings.change", ("enter",), "change", "Change what is under the cursor, save a copy of the key, or copy "
           "what cannot change", "settings", "change"),
    Action("settings.copy", ("y",), "copy", "Copy the path, the address or the name", "settings", "copy"),
    Action("settings.forget", ("d",), "forget", "Forget the name that you gave a key", "settings", "forget"),
    Action("settings.cancel", ("c",), "stop", "Stop verifying; nothing was changed by then", "settings", "cancel"),
    Action("settings.back", ("escape",), "back", "Back to Browse", "settings", "back"),
    # Compare
    Action("compare.open", ("enter",), "open", "Open the record of the column", "compare", "open"),
    Action("compare.next", ("right", "l"), "next", "To the next record", "compare", "next"),
    Action("compare.previous", ("left", "h"), "previous", "To the record before", "compare", "previous"),
    Action("compare.differing", (".",), "differing or all", "Between the fields that differ and all of them", "compare",
           "differing"),
    Action("compare.copy", ("y",), "copy", "Copy the table as text or Markdown", "compare", "copy"),
    Action("compare.back", ("escape",), "back", "Back to the list; the marks stay", "compare", "back"),
    Action("status.accept", ("ctrl+s",), "sign", "Sign what is said of the record", "status", "accept"),
    Action("page.find", ("/",), "find", "Narrow the page to what holds the words that are typed; letters that do "
           "nothing else begin that too", "page", "find"),
    # A file under a passphrase
    Action("locked_file.accept", ("ctrl+s",), "write", "Write the file", "locked_file", "accept"),
    Action("locked_file.complete", ("tab",), "complete", "Complete the path; where nothing is left to complete, go "
           "to the next line", "locked_file_path", "complete_path"),
    # In the command line
    Action("line.complete", ("tab",), "complete", "Complete what is typed", "line", "complete"),
    Action("line.earlier", ("up",), "earlier", "The line before this one", "line", "earlier"),
    Action("line.later", ("down",), "later", "The line after this one", "line", "later"),
    # In a dialog
    Action("dialog.back", ("escape",), "back", "Close without doing anything", "dialog", "back"),
)  # fmt: skip

_in_force: Final = {item.id: item for item in ACTIONS}

"""Using a record: the lines for tools, shown and copied, and whose file something on this machine is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_registry.datastore import Datastore, Entry
from tui_registry.errors import Kind, Record, RegistryError
from tui_registry.frozen import NamedTuple
from tui_registry.present import using, verifying
from tui_registry.present.links import standing
from tui_registry.text import exact, safe_text
from tui_registry.tui import imports, kit
from tui_registry.tui.kit.copying import copy_text
from tui_registry.tui.kit.dialogs import Dialog
from tui_registry.tui.kit.flows import FlowScreen, Part, flow

if TYPE_CHECKING:
    from tui_registry.tui.browse.record_actions import Ref
    from tui_registry.tui.imports.survey import Progress

_UNREAD_SHOWN: Final = 3
_CLAIMS_SHOWN: Final = 6
_MB: Final = 1_000_000
# What opens a browser says by then that it cannot.
_SECONDS_TO_FAIL: Final = 3


class RecordUse(Part):
    """The keys that show what a record is used with, and that check a file."""

    def __init__(self, screen: FlowScreen[None], ref: Callable[[], Ref | None]) -> None:
        """
        Args:
            ref: the record that the keys are about.
        """
        super().__init__(screen)
        self._ref = ref

    @flow
    async def action_use(self) -> None:
        """Show the lines for tools, and copy one."""
        shown = await self._read_shown()
        if shown is None:
            return
        entry, manifest = shown
        found = using.uses(entry.kind, entry.record, manifest)
        if not found.lines:
            why = "".join(f": {unread.uri[:60]} {unread.sentence}" for unread in found.unread[:1])
            self.say(f"{_name(entry)}: {using.nothing_for(found, None)}{why}", "problem")
            return
        said = None if manifest is None else await self.read(standing, self.datastore, entry.kind, manifest)
        line = await self.ask(UseScreen(_name(entry), found, said))
        if line is not None:
            await copy_text(self.screen, line.text, f"the line for {line.tool}")

    @flow
    async def action_check_file(self) -> None:
        """Say of a file on this machine whether it is one of the record, or of which record here it is one."""
        shown = None if self._ref() is None else await self._read_shown()
        name = "a record here" if shown is None else _name(shown[0])
        checked = await self.ask(
            imports.SourceScreen(
                f"Is a file on this machine one of {name}?",
                "It is read whole for its SHA-256, and nothing of it is kept or sent.",
                partial(_check, self.datastore, None if shown is None else _asked(*shown)),
                placeholder="path",
            )
        )
        if checked is None:
            return
        choices = [kit.Choice("y", "copy", "copy its SHA-256", checked.digest[:12]), kit.Choice("b", "back", "back")]
        question = kit.ChooseScreen(f"{checked.path.name} {checked.verdict.sentence}", choices, _more(checked))
        if await self.ask(question) == "copy":
            await copy_text(self.screen, checked.digest, f"the SHA-256 of {safe_text(checked.path.name, 60)}")

    @flow
    async def action_open_link(self) -> None:
        """Show an address that the record names, of several the one that is chosen, and open it in a browser if that is
        wanted."""
        shown = await self._read_shown()
        if shown is None:
            return
        entry, manifest = shown
        found = using.links(manifest)
        if not found:
            self.say(f"{_name(entry)} names no address of the web", "problem")
            return
        link: using.Link | None = found[0]
        if len(found) > 1:
            link = await self.ask(LinksScreen(_name(entry), found))
        if link is None:
            return
        words, why_not = browser()
        choices = [kit.Choice("y", "copy", "copy it")]
        if words:
            choices.insert(0, kit.Choice("o", "open", "open it in the browser"))
        told = f"{link.url}\n{why_not}" if why_not else f"{link.url}\nIts owner wrote it: look where it leads."
        match await self.ask(kit.ChooseScreen(f"The {link.what} of {_name(entry)}", choices, told)):
            case "open":
                fault = await self.read(_launch, [*words, link.url])
                self.say(fault or f"the browser was asked for {link.url}", "problem" if fault else "done")
            case "copy":
                await copy_text(self.screen, link.url, f"the address of the {link.what}")

    async def _read_shown(self) -> tuple[Entry, Record | None] | None:
        """The record, and what stands behind it; None where there is none or it is gone, which is said."""
        ref = self._ref()
        if ref is None:
            self.say("no record under the cursor", "problem")
            return None
        shown = await self.read(_read, self.datastore, ref.id, ref.kind)
        if shown is None:
            self.say("this record was deleted meanwhile", "problem")
        return shown


class LinksScreen(Dialog[using.Link]):
    """Answers with the address that is to be looked at."""

    AUTO_FOCUS = "OptionList"

    def __init__(self, name: str, found: Sequence[using.Link]) -> None:
        super().__init__(f"Addresses of {name}", "Nothing is opened before it is shown in full.")
        self._found = found

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(
            *(
                Option(
                    Content.assemble(
                        (f"{safe_text(link.what, 14):<14} ", "bold $text-accent"), safe_text(link.url, 200)
                    )
                )
                for link in self._found
            )
        )

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._found[message.option_index])


def browser(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> tuple[list[str], str]:
    """The words of the program that opens an address in a browser that can be seen here; none, and why not, where there
    is no such."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return [], "This terminal is on another machine (SSH), and no browser is opened there."
    if platform == "darwin":
        name = "open"
    elif environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        name = "xdg-open"
    else:
        name = "wslview"
    found = shutil.which(name, path=environment.get("PATH"))
    why = "there is no desktop" if name == "wslview" else f"{name} is not there"
    return ([found], "") if found else ([], f"No browser can be opened from here: {why}.")


def _launch(argv: list[str]) -> str:
    """Start a program beside the app, without a shell; what went wrong, as far as it says so at once, or nothing."""
    try:
        started = subprocess.Popen(  # noqa: S603 - an opener of the system, and an address that begins with http
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = started.wait(_SECONDS_TO_FAIL)
    except subprocess.TimeoutExpired:
        return ""  # it goes on as long as the browser does
    except OSError as error:
        return f"{argv[0]} cannot be started ({error.strerror})"
    return f"{argv[0]} ended with {code}: copy the address instead" if code else ""


class UseScreen(Dialog[using.Line]):
    """Answers with the line that is to be copied."""

    AUTO_FOCUS = "OptionList"

    def __init__(self, name: str, found: using.Uses, standing: str | None) -> None:
        """
        Args:
            standing: what is to be known before the record is used; None where there is nothing.
        """
        told = [f"! it is {standing}"] if standing is not None else []
        told.append(f"Enter copies a line; {using.ONLY_SHOWN}.")
        told += [f"{unread.path}: {unread.uri[:60]} {unread.sentence}" for unread in found.unread[:_UNREAD_SHOWN]]
        if len(found.unread) > _UNREAD_SHOWN:
            told.append(f"and {exact(len(found.unread) - _UNREAD_SHOWN)} more without a line")
        super().__init__(f"{name} is used with", "\n".join(told))
        self._lines = found.lines

    def compose_answers(self) -> Iterable[Widget]:
        yield OptionList(*(Option(_words(line)) for line in self._lines))

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._lines[message.option_index])


def _words(line: using.Line) -> Content:
    note = f"{line.what}{f': {line.note}' if line.note else ''}"
    return Content.assemble(
        (f"{line.tool}  ", "bold $text-accent"), (safe_text(note, 300), "$foreground-muted"), "\n  ", line.text
    )


# A file


class Checked(NamedTuple):
    """A file that was read: its size in bytes and its SHA-256, and what it is."""

    path: Path
    size: int
    digest: str
    verdict: verifying.Verdict


def _check(
    datastore: Datastore, asked: verifying.Asked | None, source: str, unwanted: Callable[[], bool], progress: Progress
) -> Checked:
    """Read a file, and find out what it is.

    Raises:
        RegistryError: it cannot be read; code `source`.
    """
    from tui_registry.importers.digests import digest_of  # few check a file

    path = Path(source)
    try:
        path = path.expanduser()
        if path.is_dir():
            raise RegistryError("source", "that is a folder: name one file, or give it to 'tui-registry verify-file'")
        size = path.stat().st_size

        def further(done: int) -> None:
            if unwanted():
                raise RegistryError("source", "not read to its end")
            progress.tell(f"{exact(done // _MB)} of {exact(size // _MB)} MB")

        digest, size = digest_of(path, further)
    except OSError as error:
        raise RegistryError("source", f"it cannot be read ({error.strerror or 'no reason given'})") from error
    except (RuntimeError, ValueError) as error:  # no such user; a NUL
        raise RegistryError("source", "that is no name of a file") from error
    naming = datastore.manifests.naming(digest)
    claims: list[verifying.Claim] = []
    for kind, record_id in naming.records:
        shown = _read(datastore, record_id, kind)
        if shown is not None:
            claims += verifying.claims_of(_asked(*shown), digest)
    return Checked(path, size, digest, verifying.judge(size, digest, asked, claims, more=naming.more))


def _read(datastore: Datastore, record_id: str, kind: Kind) -> tuple[Entry, Record | None] | None:
    entry = datastore.entry(record_id, kind)
    if entry is None:
        return None
    behind = datastore.manifests.get(record_id)
    return entry, None if behind is None else behind.manifest


def _asked(entry: Entry, manifest: Record | None) -> verifying.Asked:
    owner = verifying.Owner(str(entry.record["owner_id"]), entry.owner_name, entry.mine)
    return verifying.Asked(entry.kind, entry.id, str(entry.record["name"]), owner, manifest)


def _more(checked: Checked) -> str:
    """What else is to be known of a file that was read."""
    others: Sequence[verifying.Claim] = checked.verdict.claims[1:]
    told = [f"{exact(checked.size)} bytes, SHA-256 {checked.digest}"]
    told += [verifying.claim_line(claim, checked.size) for claim in others[:_CLAIMS_SHOWN]]
    if len(others) > _CLAIMS_SHOWN or checked.verdict.more:
        told.append("and others")
    return "\n".join(told)


def _name(entry: Entry) -> str:
    return f"“{safe_text(str(entry.record['name']), 60)}”"

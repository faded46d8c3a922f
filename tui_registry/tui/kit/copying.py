"""Copying records: what, and whether the terminal passes it on or it goes to a file."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work

from tui_registry.datastore import Entry
from tui_registry.text import address_short, exact, safe_text
from tui_registry.tui.browse.detail_text import text_of
from tui_registry.tui.kit.copies import MOST_FOR_A_TERMINAL, NOUNS, What, can_copy, text_to_copy, write_copy
from tui_registry.tui.kit.frame_screen import FrameScreen
from tui_registry.tui.kit.messages import Failed, Told

_FILE = "file"


class CopyingScreen(FrameScreen[None]):
    """A screen from which records can be copied."""

    def ask_what_to_copy(self, entries: Sequence[Entry]) -> None:
        """Ask, and copy it; nothing where there is no record."""
        from tui_registry.tui.kit.choose import Choice, ChooseScreen

        if not entries:
            return
        first, many = entries[0], len(entries) > 1
        id_note = f"{exact(len(entries))} of them" if many else f"{first.id[:12]}…"
        owner_note = "each once" if many else address_short(text_of(first.record["owner_id"]))

        def answered(what: str | None) -> None:
            if what == _FILE:
                self._write_text(text_to_copy("json", entries), _noun(entries, "json"), "copied.json")
            for known in NOUNS:
                if what == known:
                    self._copy(entries, known)

        self.open_screen(
            ChooseScreen(
                f"Copy of {_named(entries)}",
                [
                    Choice("i", "id", NOUNS["id"][many], id_note),
                    Choice("j", "json", "JSON", "one record a line" if many else "as it is signed"),
                    Choice("s", "share", NOUNS["share"][many], "name, id and owner: a search that finds it anywhere"),
                    Choice("o", "owner", NOUNS["owner"][many], owner_note),
                    Choice("w", _FILE, "JSON into a file", "in the replica's folder"),
                ],
                detail="" if can_copy() else "This terminal lets no program copy: all of it goes to a file.",
            ),
            answered,
        )

    def copy_text(self, text: str, noun: str, *, otherwise: str = "", file: str = "copied.txt") -> None:
        """Give a text to the terminal's clipboard, or to a file where the terminal takes none; says which.

        Args:
            noun: what it is, with its article, for the sentence.
            otherwise: what to do when the terminal took it and it is not there.
            file: what the file in the replica's folder is called.
        """
        if len(text) > MOST_FOR_A_TERMINAL or not can_copy():
            self._write_text(text, noun, file)
            return
        self.app.copy_to_clipboard(text)
        self.say(f"sent {noun} to the clipboard (OSC 52){otherwise}", "done")

    def _copy(self, entries: Sequence[Entry], what: What) -> None:
        file = "copied.json" if what == "json" else "copied.txt"
        otherwise = "; not there? y w writes a file"
        self.copy_text(text_to_copy(what, entries), _noun(entries, what), otherwise=otherwise, file=file)

    @work(thread=True, group="write")
    def _write_text(self, text: str, noun: str, file: str) -> None:
        try:
            path = write_copy(self.datastore.data_dir, file, text)
        except OSError as error:
            self.post_message(Failed(f"the copy cannot be written ({error.strerror})"))
        else:
            self.post_message(Told(f"wrote {noun} to {path}"))


def _noun(entries: Sequence[Entry], what: What) -> str:
    return f"the {NOUNS[what][len(entries) > 1]} of {_named(entries)}"


def _named(entries: Sequence[Entry]) -> str:
    if len(entries) > 1:
        return f"{exact(len(entries))} records"
    return f"“{safe_text(text_of(entries[0].record['name']), 60)}”"

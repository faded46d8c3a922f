"""Starting the app: what it shows first is read while Textual is imported, and nothing else is in the way."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError
from tui_registry.settings import SETTINGS_FILE, Settings
from tui_registry.tui.browse.answers import TOP, FirstAnswer, Question, read_windows, understand
from tui_registry.tui.kit.facts import read_facts

if TYPE_CHECKING:
    from tui_registry.tui.app import RegistryApp
    from tui_registry.tui.line import CommandLine
    from tui_registry.tui.looking_around import LookingAround, Samples

# How long the first frame waits for its records; then it is drawn, and they come when they come.
_PATIENCE_SECONDS = 0.25


def run(
    datastore: Datastore,
    *,
    query: str = "",
    settings: Settings | None = None,
    settings_file: Path | None = None,
    wrong: str = "",
    samples: Samples | None = None,
    lines: Callable[[Path], CommandLine] | None = None,
) -> None:
    """Explore the replica until the person quits.

    Args:
        datastore: open; the caller closes it.
        query: what the list is asked for at first.
        settings_file: where settings that are changed are kept; None for where the person's own file is.
        wrong: what the person has to be told at first, such as of a settings file that cannot be read.
        samples: makes sample data to look around in.
        lines: makes what runs command lines on the replica of a data directory; None where there are none.

    Raises:
        SystemExit: a signal ended the app, with what a shell says of that: 128 and its number. Drafts are kept.
        Exception: the app ended by a mistake in the program; the terminal is as it was before.
    """
    opening = Opening(datastore, Question(query, settings is None or settings.named_first != "off"))
    gc.disable()  # the app enables it again, once its first frame is laid out
    try:
        from tui_registry.tui.app import RegistryApp
        from tui_registry.tui.looking_around import LookingAround

        first_answer = opening.take
        while True:
            app = RegistryApp(
                datastore,
                query=query,
                settings=settings,
                settings_file=settings_file,
                first_answer=first_answer,
                lines=None if lines is None else partial(lines, datastore.data_dir),
            )
            around = app.held(LookingAround)
            around.samples = samples
            if wrong:
                app.say(wrong, "problem")
            opened = _show(app, around)
            if opened is None:
                break
            # As it is by now: what was chosen there is not asked for again.
            settings, wrong, first_answer = app.settings, "", lambda: None
            with opened[0]:
                sample = opened[1]
                guest = RegistryApp(
                    sample,
                    # What is pulled there is pulled by hand.
                    settings=settings._replace(sync_every=""),
                    settings_file=sample.data_dir / SETTINGS_FILE,
                    lines=None if lines is None else partial(lines, sample.data_dir),
                )
                visit = guest.held(LookingAround)
                visit.show_guest(with_tour=around.with_tour)
                _show(guest, visit)
            if not visit.goes_back:
                break
    finally:
        gc.enable()
        opening.close()


def _show(app: RegistryApp, around: LookingAround) -> tuple[ExitStack, Datastore] | None:
    """Run an app to its end; the sample data that the person wants to see next, if any."""
    try:
        app.run()
        if app.crash is not None:
            raise app.crash
        if app.return_code:
            raise SystemExit(app.return_code)
        opened, around.opened = around.opened, None
    finally:
        if around.opened is not None:  # it ended otherwise
            around.opened[0].close()
    return opened


class Opening:
    """Reads the answer to the first question in a thread. No Textual here.

    What cannot be read is left to the screen, which asks again and can say why.
    """

    def __init__(self, datastore: Datastore, question: Question) -> None:
        self.question = question
        self._datastore = datastore
        self._answer: FirstAnswer | None = None
        self._unwanted = False
        self._thread = Thread(target=self._read, name="opening")
        self._thread.start()

    def take(self) -> FirstAnswer | None:
        """The answer; None when it cannot be read, or not in time. It can be taken once, and is given up then."""
        self._thread.join(_PATIENCE_SECONDS)
        answer, self._answer = self._answer, None
        self._unwanted = True
        return answer

    def close(self) -> None:
        """Give up what is being read; returns when it has ended."""
        self._unwanted = True
        self._thread.join()

    def _read(self) -> None:
        datastore, question = self._datastore, self.question
        try:
            # Before the records, so that what is committed meanwhile is noticed. Of an empty replica there is nothing
            # to say but its address, for which its key would have to be made.
            facts = read_facts(datastore) if datastore.stats().records else None
            readings = next(read_windows(datastore, question, TOP, lambda: self._unwanted))
            nothing = not readings[0].page.rows
            understanding = understand(datastore, question, int(time.time()), nothing)
            self._answer = FirstAnswer(readings, understanding, facts)
        except RegistryError:
            pass

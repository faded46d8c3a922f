"""A peer's name and address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui_registry.datastore import Datastore, Peer
from tui_registry.errors import RegistryError
from tui_registry.sync.looking import LIKE_A_HOST
from tui_registry.text import safe_text
from tui_registry.tui.kit.actions import TYPE_AHEAD
from tui_registry.tui.kit.dialogs import Dialog, LineInput
from tui_registry.tui.kit.flows import flow

NAME: Final = "name"
ADDRESS: Final = "address"
EXAMPLES: Final = (
    ("http://127.0.0.1:8420", "a node, run by  tui-registry serve"),
    ("/media/stick/registry", "a folder, from  tui-registry export --log"),
)


class AddPeerScreen(Dialog[Peer]):
    """Answers with the peer that was added; what keeps it from being added is said below its field."""

    AUTO_FOCUS = f"#peer-{NAME}"
    BINDINGS: ClassVar[list[BindingType]] = [*TYPE_AHEAD]

    def __init__(self, address: str = "", name: str = "") -> None:
        """
        Args:
            address: where it is, if that is known. name: what it could be called.
        """
        super().__init__("Add a peer", "A node or a folder. Nothing travels until you pull.")
        self._address = address
        self._proposed = name
        self._left: set[str] = set()

    def compose_answers(self) -> Iterable[Widget]:
        yield Static(Content("Name, as you call it"), classes="label")
        yield LineInput(value=self._proposed, placeholder="hub", id=f"peer-{NAME}", compact=True)
        yield Static(classes="wrong", id=f"wrong-{NAME}")
        yield Static(Content("Address: URL of a node, or path of a folder"), classes="label")
        yield LineInput(value=self._address, placeholder=EXAMPLES[0][0], id=f"peer-{ADDRESS}", compact=True)
        yield Static(classes="wrong", id=f"wrong-{ADDRESS}")
        yield Horizontal(
            Button(Content("Cancel (esc)"), id="cancel"),
            Button(Content("Add (enter)"), id="add", variant="primary"),
            classes="answers",
        )

    # While it is typed: neutral until a field was left once

    @on(Input.Changed)
    def _changed(self, message: Input.Changed) -> None:
        message.stop()
        self._check()

    @on(Input.Blurred)
    def _blurred(self, message: Input.Blurred) -> None:
        message.stop()
        if message.value:
            self._left.add(NAME if message.input is self._input(NAME) else ADDRESS)
            self._check()

    @flow(background=True, exclusive=True, group="check-peer")
    async def _check(self) -> None:
        self._show(await self.read(wrong_in, self.datastore, *self._typed))

    def _show(self, wrong: dict[str, str]) -> None:
        for field in (NAME, ADDRESS):
            sentence = wrong.get(field, "") if field in self._left else ""
            self.query_one(f"#wrong-{field}", Static).update(Content(safe_text(sentence, 300)))

    # Adding

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if message.input is self._input(NAME) and not self._input(ADDRESS).value:
            self._input(ADDRESS).focus()
        else:
            self._add()

    @on(Button.Pressed)
    def _pressed(self, message: Button.Pressed) -> None:
        message.stop()
        if message.button.id == "add":
            self._add()
        else:
            self.dismiss(None)

    @flow(exclusive=True, group="add-peer")
    async def _add(self) -> None:
        self._left.update((NAME, ADDRESS))
        name, address = self._typed
        try:
            wrong = await self.read(wrong_in, self.datastore, name, address)
            if not wrong:
                self.dismiss(await self.write(self.datastore.peers.add, name, address))
                return
        except RegistryError as error:
            wrong = {ADDRESS: error.sentence}
        self._show(wrong)
        self._input(NAME if NAME in wrong else ADDRESS).focus()

    # How

    @property
    def _typed(self) -> tuple[str, str]:
        return self._input(NAME).value.strip(), self._input(ADDRESS).value.strip()

    def _input(self, field: str) -> Input:
        return self.query_one(f"#peer-{field}", Input)


def wrong_in(datastore: Datastore, name: str, address: str) -> dict[str, str]:
    """What keeps a peer from being added, a sentence for each field that is wrong.

    Raises:
        StoreError: the database cannot be read.
    """
    wrong = {problem.path: problem.sentence for problem in datastore.peers.check(name, address)}
    if not name:
        wrong[NAME] = "give it a name, such as hub"
    if (ADDRESS not in wrong or ":" in address) and LIKE_A_HOST(address):
        # It could be the path of a folder, but hardly anybody means that.
        wrong[ADDRESS] = f"write http://{address} for a node, or ./{address} for a folder of that name"
    return wrong

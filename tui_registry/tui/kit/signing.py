"""Signing from a screen: asked about once where this replica was put back to an older copy, or its key has signed
what this replica did not write."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tui_registry.errors import RegistryError
from tui_registry.present.elsewhere import before_writing
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.dialogs import ConfirmScreen
from tui_registry.tui.kit.flows import FlowScreen, Part

Given = ParamSpec("Given")
Made = TypeVar("Made")
Answer = TypeVar("Answer")


async def sign(
    holder: FlowScreen[Answer] | Part, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs
) -> Made:
    """`write` for a function that signs, after `ask_before_signing`. A step of a flow."""
    await ask_before_signing(holder)
    return await holder.write(function, *args, **kwargs)


async def ask_before_signing(holder: FlowScreen[Answer] | Part) -> None:
    """Ask whether to go on, where this replica was put back to an older copy, or operations by its key came from
    elsewhere, since it was asked last. A step of a flow.

    Raises:
        RegistryError: code `not_yet`: the person would rather look first.
    """
    elsewhere, mark = holder.datastore.elsewhere, holder.datastore.mark
    restored = await holder.read(mark.restored)
    if restored is None and not await holder.read(elsewhere.untold):
        return
    sentence = before_writing(await holder.read(elsewhere.count), restored)
    question = ConfirmScreen(
        "Sign this now?",
        f"{sentence[0].upper()}{sentence[1:]}. The Sync screen says more.",
        yes="Sign",
        no="Not yet",
        for_good=True,
    )
    if not await holder.ask(question):
        raise RegistryError("not_yet", f"nothing was signed: {key_of('sync.elsewhere')} on the Sync screen tells more")
    await holder.write(elsewhere.told)
    if restored is not None:
        await holder.write(mark.forget)

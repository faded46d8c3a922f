"""Looking around in sample data without leaving: a throw-away replica is shown in place of one's own, and a key leads
back. Nothing of one's own is touched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, TypeAlias

from tui_registry.datastore import Datastore
from tui_registry.errors import RegistryError, system_reason
from tui_registry.settings import is_sample
from tui_registry.tui import kit
from tui_registry.tui.kit.actions import key_of
from tui_registry.tui.kit.flows import FlowScreen, flow, write
from tui_registry.tui.kit.host import RegistryHost

if TYPE_CHECKING:
    from tui_registry.tui.tour import Tour

# Makes a replica of sample data, which goes with the block; in whatever thread.
Samples: TypeAlias = Callable[[], AbstractContextManager[Datastore]]


class LookingAround:
    """What an app knows of sample data: whether it shows some, and the way there and back. Held by the app, which finds
    the actions here that it has not itself.

    Attributes:
        samples: makes them; None where the app cannot.
        is_guest: one's own replica waits behind this app.
        goes_back: the person wants that again.
        opened: sample data that is to be shown next, with what takes it away; None as long as nobody wants it.
        with_tour: a tour is to begin there.
    """

    def __init__(self, host: RegistryHost) -> None:
        self.samples: Samples | None = None
        self.is_guest = False
        self.goes_back = False
        self.opened: tuple[ExitStack, Datastore] | None = None
        self.with_tour = False
        self._host = host

    def show_guest(self, *, with_tour: bool) -> None:
        """This app shows sample data, and one's own replica waits behind it."""
        self.is_guest, self.with_tour = True, with_tour

    def begin(self) -> None:
        """Say at first that this is sample data, where it is."""
        host = self._host
        if not is_sample(host.datastore.data_dir):
            return
        host.sample = f"SAMPLE DATA, {key_of('app.leave_sample')} leaves" if self.is_guest else "SAMPLE DATA"
        if self.with_tour:
            self._tour().begin()
        elif not host.outcome.text:
            host.say(f"this is sample data, nothing here is kept: {key_of('app.tour')} begins a tour of five steps")

    def part_action(self, name: str) -> Callable[..., object] | None:
        """The method for an action of the app."""
        return {
            "look_around": self.action_look_around,
            "leave_sample": self.action_leave_sample,
            "tour": self.action_tour,
        }.get(name)

    def action_look_around(self) -> None:
        """Show sample data in place of this replica, until the person wants that back."""
        _look_around(self._host, self)

    def action_leave_sample(self) -> None:
        """From the sample data back to one's own replica."""
        _leave_sample(self._host, self)

    def action_tour(self) -> None:
        """Begin the tour, go on in it, or leave it."""
        _tour(self._host, self)

    async def go(self, *, with_tour: bool = False) -> None:
        """Make sample data, and end the app for one that shows them. A step of a flow.

        Raises:
            RegistryError: it cannot be made.
        """
        host = self._host
        if host.sample:
            host.say("this is sample data already: nothing here is kept")
        elif self.samples is None:
            host.say("there is no sample data here: run  tui-registry demo  in another terminal", "problem")
        elif self.opened is None:
            host.say("making sample data: a moment")
            self.opened, self.with_tour = await write(_open, self.samples, host.datastore), with_tour
            await host.action_quit()

    async def back(self) -> None:
        """End the app for the one that shows one's own replica. A step of a flow."""
        if self.is_guest:
            self.goes_back = True
            await self._host.action_quit()
        elif self._host.sample:
            self._host.say(f"this demo has no other replica behind it: {key_of('app.quit')} ends it")
        else:
            self._host.say("this is your own replica already")

    async def tour(self) -> None:
        """Begin the tour, go on in it or leave it; outside of sample data go there first. A step of a flow."""
        host = self._host
        tour = self._tour()
        if tour.at is not None:
            await tour.ask()
        elif host.sample:
            tour.begin()
        elif isinstance(host.screen, FlowScreen):
            question = kit.ConfirmScreen(
                "Take a tour of five steps?",
                "Search, filters, form, pull, conflict: in sample data. Your replica is left alone, "
                f"{key_of('app.leave_sample')} leads back.",
                yes="Begin",
                no="Not now",
            )
            if await host.screen.ask(question):
                await self.go(with_tour=True)

    def _tour(self) -> Tour:
        from tui_registry.tui.tour import Tour  # most people take it once

        return self._host.held(Tour)


@flow
async def _look_around(_: RegistryHost, around: LookingAround) -> None:
    await around.go()


@flow
async def _leave_sample(_: RegistryHost, around: LookingAround) -> None:
    await around.back()


@flow
async def _tour(_: RegistryHost, around: LookingAround) -> None:
    await around.tour()


def _open(samples: Samples, own: Datastore) -> tuple[ExitStack, Datastore]:
    with ExitStack() as stack:
        try:
            datastore = stack.enter_context(samples())
        except OSError as error:
            reason = system_reason(error)
            raise RegistryError("demo", f"no sample data can be made in the temporary folder: {reason}") from None
        datastore.machine = own.machine
        return stack.pop_all(), datastore

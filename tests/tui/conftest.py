"""What the tests of the screens share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.tui.form_app import FormApp, Opened, as_opened, clock, settled
from tui_registry.datastore import Datastore
from tui_registry.tui.register.register_screen import RegisterScreen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    with Datastore.open(tmp_path_factory.mktemp("data"), clock=clock) as datastore:
        app = FormApp(datastore, RegisterScreen("model"))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settled(pilot)
            yield app, pilot


@pytest_asyncio.fixture(loop_scope="module")
async def form(_opened: Opened) -> Opened:
    """The form of a new model, for a test that is `SHARED`: the one of the test before, made again what it was.

    To open one takes longer than what most tests do in it.
    """
    await as_opened(*_opened)
    return _opened

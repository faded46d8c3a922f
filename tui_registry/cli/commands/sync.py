"""`sync [PEER...]`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import examples, words

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore
    from tui_registry.errors import Json
    from tui_registry.present.pulls import Event, PullResult, PushResult


def arguments(parser: ArgumentParser) -> None:
    """What `sync` takes."""
    parser.description = (
        "Pull what is new from all peers, or from those that are named. Every operation is checked before it is\n"
        "stored; a pull that is interrupted has lost nothing, and the next one goes on where it ended.\n\n"
        "Exits with 1 when a peer could not be read to its end; the others are read all the same."
    )
    parser.epilog = examples("tui-registry sync", "tui-registry sync hub --json", "tui-registry sync hub --push")
    parser.add_argument("peers", nargs="*", type=words, metavar="PEER", help="names, as in 'peer list'")
    parser.add_argument(
        "--push",
        action="store_true",
        help="then offer the whole log of this replica as well, to each that does not have just the same operations",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each peer")


def run(args: Namespace) -> int:
    """Pull, and say for each peer what came of it."""
    import asyncio

    from tui_registry.cli.registry import open_registry
    from tui_registry.datastore import StoreError

    names: list[str] = list(dict.fromkeys(args.peers))
    with open_registry(args) as datastore:
        names = names or [peer.name for peer in datastore.peers()]
        if not names:
            raise StoreError("not_found", "there are no peers to pull from: add one with 'peer add NAME URL|DIR'")
        return asyncio.run(_sync(datastore, names, push=args.push, as_json=args.json))


async def _sync(datastore: Datastore, names: list[str], *, push: bool, as_json: bool) -> int:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.sync import pull_all
    from tui_registry.text import safe_text

    progress = _Progress()
    try:
        results = await pull_all(datastore, names, emit=progress.take)
    finally:
        progress.clear()
    failed = False
    for result in results:
        if as_json:
            out_json(_json(result))
        elif result.ok:
            out(safe_text(result.sentence))
        if result.error is not None:
            failed = True
            note(safe_text(result.sentence))
        elif push:
            failed = not await _push(datastore, result.peer, as_json=as_json) or failed
    return 1 if failed else 0


async def _push(datastore: Datastore, name: str, *, as_json: bool) -> bool:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.present.pulls import SyncError
    from tui_registry.sync import push
    from tui_registry.text import safe_text

    try:
        result = await push(datastore, name)
    except SyncError as error:
        note(safe_text(error.sentence))
        return False
    if as_json:
        out_json(_push_json(result))
    else:
        out(safe_text(result.sentence))
    return True


class _Progress:
    """The pulls that run, on one line."""

    def __init__(self) -> None:
        from tui_registry.cli.progress import StatusLine

        self._line = StatusLine()
        self._at: dict[str, str] = {}

    def take(self, event: Event) -> None:
        from tui_registry.present.pulls import Progress, Started
        from tui_registry.text import exact

        if isinstance(event, Started):
            self._at[event.peer] = f"{event.peer} {exact(event.start)} of {exact(event.theirs)}"
        elif isinstance(event, Progress):
            percent = f" {100 * event.done // event.of}%" if event.of else ""
            rate = f", {exact(round(event.rate))} op/s" if event.rate else ""
            self._at[event.peer] = f"{event.peer} {exact(event.done)} of {exact(event.of)}{percent}{rate}"
        else:
            self._at.pop(event.peer, None)
        self._line.show(" | ".join(self._at.values()))

    def clear(self) -> None:
        self._line.clear()


def _json(result: PullResult) -> dict[str, Json]:
    from tui_registry.present.pulls import rejection_json

    return {
        "peer": result.peer,
        "ok": result.ok,
        "theirs": None if result.head is None else result.head.size,
        "read": result.read,
        **result.counts(),
        "rejections": [rejection_json(rejection) for rejection in result.rejections],
        "restarted": result.restarted,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "error": None if result.error is None else {"code": result.error.code, "sentence": result.error.sentence},
    }


def _push_json(result: PushResult) -> dict[str, Json]:
    return {"pushed_to": result.peer, "offered": result.offered, **result.counts()}

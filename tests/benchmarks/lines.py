"""What bad lines cost a pull, in bytes of answers and connections for each of a log of so many operations: kills, a line
that breaks, a server that hangs up on each second request.

    python -m tests.benchmarks.lines [OPS [KILLS]]
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.sync.lines import Line, line_to
from tests.sync.logs import ALICE, bodies, roots
from tui_registry.datastore import Datastore
from tui_registry.node import running
from tui_registry.sync import pull
from tui_registry.sync.tiles import Span, pack

_PULL = """
import asyncio, sys
from tui_registry.datastore import Datastore
from tui_registry.sync import pull

with Datastore.open(sys.argv[1]) as store:
    asyncio.run(pull(store, "node"))
"""


async def _killed(folder: Path, line: Line, kills: int) -> None:
    """Kill pulls at random moments while they read, then let one end."""
    moments = random.Random(kills)
    for _ in range(kills):
        before = line.down
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PULL, folder)
        while line.down == before and process.returncode is None:  # noqa: ASYNC110 - the line tells nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(moments.uniform(0.05, 0.5))
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
    await _whole(folder)


async def _whole(folder: Path) -> None:
    with Datastore.open(folder) as store:
        result = await pull(store, "node")
        assert result.error is None, result.sentence


async def _case(
    what: str,
    work: Path,
    url: str,
    floor: int,
    kills: int = 0,
    *,
    cut_after: int | None = None,
    one_request: bool = False,
) -> None:
    folder = work / what.replace(" ", "-")
    async with line_to(url, cut_after=cut_after, one_request=one_request) as line:
        with Datastore.open(folder) as store:
            store.peers.add("node", line.url)
        await (_killed(folder, line, kills) if kills else _whole(folder))
    print(f"{what:28} {line.down:14,} bytes {line.down / floor:8.3f} {line.connections:8,} connections", flush=True)


async def _main(ops: int, kills: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        lines = bodies(roots(ALICE, ops))
        spans = [Span(start // 256, 0, min(256, ops - start)) for start in range(0, ops, 256)]
        floor = sum(len(pack(lines[span.start : span.end])) for span in spans)
        print(f"{'the tiles themselves':28} {floor:14,} bytes")
        with Datastore.open(work / "node") as store:
            store.apply(lines, source="bench")
            with running(store) as node:
                await _case("a good line", work, node.url, floor)
                await _case("breaks every 100,000 bytes", work, node.url, floor, cut_after=100_000)
                await _case("one request a connection", work, node.url, floor, one_request=True)
                await _case(f"{kills} kills", work, node.url, floor, kills)


if __name__ == "__main__":
    asyncio.run(_main(*(int(word) for word in (sys.argv[1:] + ["20000", "12"][len(sys.argv) - 1 :]))))

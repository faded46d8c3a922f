"""What a node says in the formats of others: its AI Catalog, and the agent cards of those that answer over A2A.

They are made from what is here (`tongues`); nothing is fetched for a reader. `export --catalog` writes the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from tui_registry.datastore import Datastore
from tui_registry.node.kept import KeptAnswers, Whole
from tui_registry.node.limits import NodeBounds
from tui_registry.node.queues import Queues
from tui_registry.node.requests import etag_of, is_held, parameters
from tui_registry.node.responses import NodeError
from tui_registry.node.routes import NodeRoute
from tui_registry.text import safe_text
from tui_registry.tongues import a2a_card, ai_catalog
from tui_registry.tongues.ai_catalog import Site, site_at

_PREFIX = re.compile(r"([0-9a-f]{1,64})\.json", re.ASCII)
_ID = re.compile(r"(?:0x)?[0-9a-f]{1,64}", re.ASCII | re.IGNORECASE)


def tongue_routes(
    datastore: Datastore, queues: Queues, bounds: NodeBounds, answered: KeptAnswers, public_url: str
) -> list[NodeRoute]:
    """`/.well-known/ai-catalog.json`, its parts below `/catalog`, and `/agents/{id}/agent-card.json`.

    Args:
        answered: where answers are kept.
        public_url: as in `Whereabouts`.
    """
    tongues = _Tongues(datastore, queues, bounds, answered, public_url)
    return [
        NodeRoute(f"/{ai_catalog.WELL_KNOWN}", tongues.catalog),
        NodeRoute(f"/{ai_catalog.PARTS}/{{part}}", tongues.part),
        NodeRoute("/agents/{record_id:record_id}/agent-card.json", tongues.card),
    ]


class _Tongues:
    def __init__(
        self, datastore: Datastore, queues: Queues, bounds: NodeBounds, answered: KeptAnswers, public_url: str
    ) -> None:
        self._datastore = datastore
        self._queues = queues
        self._bounds = bounds
        self._answered = answered
        self._public_url = public_url

    async def catalog(self, request: Request) -> Response:
        parameters(request)
        return await self._told(request, self._part, "", ai_catalog.MEDIA_TYPE)

    async def part(self, request: Request) -> Response:
        parameters(request)
        named = str(request.path_params["part"])
        found = _PREFIX.fullmatch(named)
        if found is None:
            raise NodeError(
                "not_found",
                f"'{safe_text(named, 80)}' is no part of the catalog: parts are named by the first digits of the ids "
                f"in them, such as 3f.json, and /{ai_catalog.WELL_KNOWN} leads to them",
            )
        return await self._told(request, self._part, found[1], ai_catalog.MEDIA_TYPE)

    async def card(self, request: Request) -> Response:
        parameters(request)
        asked = str(request.path_params["record_id"])
        return await self._told(request, self._card, asked, a2a_card.MEDIA_TYPE)

    async def _told(self, request: Request, read: Callable[[str, str], Whole], asked: str, media_type: str) -> Response:
        """An answer, unless the caller has it. It has to be asked for again: any write may be the next."""
        host = request.headers["host"].lower()
        url = self._public_url or f"{request.scope['scheme']}://{host}{request.scope.get('root_path', '')}"
        whole = await self._queues.search(request.scope["client"], read, url, asked)
        headers = {"etag": whole.etag, "cache-control": "no-cache"}
        if is_held(request, whole.etag):
            return Response(status_code=304, headers=headers)
        return Response(whole.body, 200, headers, media_type)

    # How: in a thread

    def _part(self, url: str, prefix: str) -> Whole:
        changes, now = self._datastore.changes(), self._datastore.now()
        asked = ("catalog", prefix, url)
        kept = self._answered.get(asked, changes, now)
        if kept is not None:
            return kept
        site = self._site(url)
        part = ai_catalog.read_part(self._datastore, site, prefix, work=self._bounds.search_work)
        whole = Whole(part.body, etag_of(part.body))
        self._answered.keep(asked, whole, changes, now, None, characters=len(url) + len(prefix))
        return whole

    def _site(self, url: str) -> Site:
        return site_at(self._datastore, url, is_public=bool(self._public_url))

    def _card(self, _url: str, asked: str) -> Whole:
        if not _ID.fullmatch(asked):
            raise NodeError("not_found", f"'{safe_text(asked, 80)}' is not an id: GET /agents lists them")
        identifier = self._datastore.find(asked, "agent", by_name=False)[1]
        body = a2a_card.read_card(self._datastore, identifier)
        if body is None:
            raise NodeError(
                "not_found",
                "this agent has no agent card: nothing says that it answers over A2A at an address of the web. "
                f"GET /agents/{identifier} tells what is known of it",
            )
        return Whole(body, etag_of(body))

"""What the node says about the sync endpoints and its health (see `log_routes`), and about what it says in the formats
of others (`tongue_routes`): by hand, as the first are no routes of FastAPI and the shapes of the second are others'
own. A path's entry names each status that it can answer with, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from tui_registry.crdt.sets import HASH_BYTES, SYMBOLS
from tui_registry.datastore import REASONS
from tui_registry.errors import Json
from tui_registry.node.limits import NodeBounds
from tui_registry.node.responses import MEDIA_TYPE
from tui_registry.present.pulls import Tally
from tui_registry.settings import PUSHERS
from tui_registry.sync.comparing import MAX_RANGES
from tui_registry.sync.difference import MAX_BITS
from tui_registry.sync.recommended import LONGEST_URL, MOST_RECOMMENDED
from tui_registry.sync.tiles import MAX_SIZE
from tui_registry.tongues import a2a_card, ai_catalog

_USUAL = NodeBounds()
_EPOCH = "486ccbd94061b7803d4c8869a6f2e3c6"
_FINGERPRINT = "8dc77aea0ec92ea3608c25e840dab41b7f6a8aabbec6868fb711a6a2710765a6"
_SET = "1c4667cf2e06a274e5c6383fc9390dd5480f5bef1d6320cb143e8f1b23d71b2a"
_ROOT = "d00e4ad30ce058875ad411749251e75457eb7e5e65ce447b770c8e2efcd0425a"
_SIG = (
    "e04a2db3bff97b831933246795fe8cb2f3303115e16e218b57f828b9e883b58a5c"
    "19dec6cd4b3252201940e23fa2c6dc7191b417db402f0a1d5907fbd9e5f97c01"
)
_ADDRESS = "3b2d227260784ed8dcc34f5537c934456fda0bc7"
_OP_HASH = "45491877592c6f371d2c1724585a0383bc5a18e5b0c4dc4a68f30c40e4ab12cf"
_TILE_NAME = r"^(0|[1-9][0-9]{0,15})(\.(0|[1-9][0-9]{0,15})(-(0|[1-9][0-9]{0,15}))?)?\.ndjson\.gz$"

# When a request is refused, by status: of all, and of those with a body.
_ALWAYS = {
    400: "what came is no request of HTTP",
    421: "the node does not know itself by this name",
    429: "this client waits for as much as one may; `Retry-After` says when to come back",
    431: "the line and header of the request are too large",
    500: "the node's fault: its operator finds the reason in its own output",
    503: "the node is busy, its replica is held by another process, or it cannot follow its hub (`hub_behind`, "
    "`hub_away`); `Retry-After` says when to come back",
    507: "the disk of the node is full, or fails",
}
_WITH_A_BODY = {
    400: "the body is not what it should be, or ended early",
    403: "another web page's `Origin`",
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body has a Content-Encoding, or another media type",
    422: "a member is wrong: see `problems`",
}


def _hex(digits: int, example: str = "") -> dict[str, Json]:
    return {"type": "string", "pattern": f"^[0-9a-f]{{{digits}}}$", **({"example": example} if example else {})}


def _object(properties: dict[str, Json], *, optional: tuple[str, ...] = (), closed: bool = False) -> Json:
    shape: dict[str, Json] = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return {**shape, "additionalProperties": False} if closed else shape


def _list(items: Json, most: int | None = None) -> Json:
    return {"type": "array", "items": items, **({} if most is None else {"maxItems": most})}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_COUNT: dict[str, Json] = {"type": "integer", "minimum": 0, "maximum": MAX_SIZE}
_TEXT: Json = {"type": "string"}
_HASH = _hex(64)
_KEY: Json = {"type": ["string", "null"], "pattern": "^[0-9a-f]{80}$"}
_NDJSON: dict[str, Json] = {
    "application/x-ndjson": {
        "schema": {
            "type": "string",
            "contentMediaType": "application/x-ndjson",
            "description": "an operation a line, each line ended by a line feed",
        }
    }
}
_METRICS: Json = {
    name: {"schema": {"type": "string", "contentMediaType": name}}
    for name in ("text/plain", "application/openmetrics-text")
}
_GZIP: dict[str, Json] = {
    "application/gzip": {
        "schema": {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/gzip",
            "description": "operations, one a line, as one gzip member",
        }
    }
}

_PUSHED: dict[str, Json] = {**_NDJSON, **_GZIP}
_BYTES: dict[str, Json] = {
    "application/octet-stream": {
        "schema": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    }
}

# By the names that the paths refer to them by, in `components/schemas`.
SYNC_SCHEMAS: dict[str, Json] = {
    "LogHead": _object(
        {
            "epoch": _hex(32, _EPOCH),
            "size": {**_COUNT, "example": 5},
            "fingerprint": _hex(64, _FINGERPRINT),
            "node": _hex(40, _ADDRESS),
            "rules": {**_COUNT, "description": "the least version of the validity rules that reads all of the log"},
            "signed_at": {**_COUNT, "description": "Unix seconds: when its last operation came here; 0: not known"},
            "set": _hex(64, _SET),
            "root": _hex(64, _ROOT),
            "sig": {**_hex(130, _SIG), "description": "by the key of the node: r, s and the recovery id"},
            "ranges": {"type": "boolean", "description": "tiles may begin in their middle"},
            "difference": {
                "const": 1,
                "description": "logs are compared by their differences, and pushes may be packed",
            },
            "store": {"type": "string", "format": "uri", "description": "who has the full tiles as well"},
        },
        # While they are being made for a log of before version 0.2, it has none of the first three; and no signature
        # where there is no key.
        optional=("set", "root", "sig", "ranges", "store"),
    ),
    "RecommendedPeers": _object(
        {
            "peers": _list(
                _object(
                    {
                        "url": {"type": "string", "format": "uri", "maxLength": LONGEST_URL},
                        "name": {"type": "string", "pattern": "^([a-z0-9][a-z0-9._-]{0,31})?$"},
                    }
                ),
                MOST_RECOMMENDED,
            )
        }
    ),
    "OperationsQuestion": _object({"hashes": _list(_HASH, _USUAL.hashes)}, closed=True),
    "PushReport": _object(
        {
            **{name: _COUNT for name in Tally().counts() if name != "rejected"},
            "rejected": _list(_object({"index": _COUNT, "code": _TEXT, "sentence": _TEXT})),
            "missing": _list(_HASH, _USUAL.hashes),
            "left_out_for": {
                "type": "object",
                "propertyNames": {"enum": [*REASONS]},
                "additionalProperties": _COUNT,
                "description": "how many of `left_out` for which reason",
            },
            "appended": _object(
                {
                    "epoch": _hex(32, _EPOCH),
                    "ranges": _list({"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2}),
                }
            ),
        }
    ),
    "DifferenceQuestion": _object(
        {
            "epoch": {**_hex(32, _EPOCH), "description": "of the log; without it, and a size, the log as it is now"},
            "size": _COUNT,
            "have": _object({"size": _COUNT, "set": _HASH}),
            "symbols": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": SYMBOLS},
                "minItems": 2,
                "maxItems": 2,
            },
            "prefixes": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": 1 << MAX_BITS},
                "minItems": 3,
                "maxItems": 3,
            },
            "listed": {"type": "integer", "minimum": 0, "maximum": HASH_BYTES},
        },
        optional=("epoch", "size", "have", "symbols", "prefixes", "listed"),
        closed=True,
    ),
    "LogQuestion": _object(
        {
            "epoch": _hex(32, _EPOCH),
            "size": {"type": ["integer", "null"], "minimum": 0, "description": "of the snapshot, from the second on"},
            "ranges": _list({"type": "array", "items": _KEY, "minItems": 2, "maxItems": 2}, MAX_RANGES),
        },
        optional=("size",),
        closed=True,
    ),
    "LogComparison": _object({"size": _COUNT, "fingerprint": _HASH, "ranges": _list(_ref("LogRange"), MAX_RANGES)}),
    "LogRange": {
        "description": "the hashes of a small range, or the parts of a large one",
        "oneOf": [
            _object({"hashes": _list(_HASH)}),
            _object({"parts": _list(_ref("LogPart"))}),
        ],
    },
    "LogPart": _object({"to": _KEY, "count": _COUNT, "digest": _HASH, "fingerprint": _HASH}),
    "Health": _object(
        {
            "status": {"const": "ok"},
            "version": _TEXT,
            "node": {
                "type": "string",
                "pattern": "^([0-9a-f]{40})?$",
                "description": "the address of the node's key; empty before there is one",
                "example": _ADDRESS,
            },
            "ops": _COUNT,
            "conflicts": _COUNT,
        }
    ),
    "Liveness": _object({"status": {"const": "alive"}}),
    "Readiness": _object(
        {
            "status": {"const": "ready"},
            "pushes": _object({"from": {"enum": [*PUSHERS]}, "bytes_left": {"type": "integer", "minimum": 0}}),
            "hub": _object({"standing": _TEXT, "size": _COUNT, "shared_size": {**_COUNT, "type": ["integer", "null"]}}),
        },
        optional=("hub",),
    ),
}


def _header(example: str, what: str) -> Json:
    return {"schema": {"type": "string"}, "description": what, "example": example}


_ETAG: dict[str, Json] = {"ETag": _header(f'"{_EPOCH}.5.{_FINGERPRINT[:16]}"', "for If-None-Match")}
_CACHED: dict[str, Json] = {**_ETAG, "Cache-Control": _header("max-age=2", "how long it may be kept")}
_TILE_ETAG: dict[str, Json] = {"ETag": _header('"0f343b0931126a20f133d67c2b018a3b"', "for If-None-Match and If-Range")}
_OF_A_TILE: dict[str, Json] = {
    **_TILE_ETAG,
    "Cache-Control": _header("public, max-age=31536000, immutable", "how long it may be kept"),
    "Accept-Ranges": _header("bytes", "parts are given"),
}


def _parameter(name: str, place: str, schema: Json, what: str, example: str) -> Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": what,
        "example": example,
    }


def _given(what: str, content: Json = None, headers: Mapping[str, Json] | None = None) -> Json:
    given: dict[str, Json] = {"description": what}
    if headers:
        given["headers"] = {**headers}
    if content is not None:
        given["content"] = content
    return given


def _json(name: str, example: Json = None) -> dict[str, Json]:
    return {"application/json": {"schema": _ref(name), **({} if example is None else {"example": example})}}


def _operation(
    name: str,
    summary: str,
    answers: Mapping[int, Json],
    refused: Mapping[int, str] | None = None,
    *,
    parameters: tuple[Json, ...] = (),
    body: Json = None,
    tag: str = "sync",
    security: Json = None,
) -> Json:
    """One operation.

    Args:
        answers: beside problems. refused: problems beside those that each has.
        body: the content that is sent, by media type.
        security: who may ask, where not everybody may.
    """
    problems = {**_ALWAYS, **(_WITH_A_BODY if body is not None else {}), **(refused or {})}
    if body is _PUSHED:
        del problems[422]  # lines have no members
    responses = {**answers, **{status: _problem(status, what) for status, what in problems.items()}}
    entry: dict[str, Json] = {
        "tags": [tag],
        "summary": summary,
        "operationId": name,
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    if parameters:
        entry["parameters"] = [*parameters]
    if body is not None:
        # No lines at all are a push of no operations.
        entry["requestBody"] = {"required": body is not _PUSHED, "content": body}
    if security is not None:
        entry["security"] = security
    return entry


def _problem(status: int, what: str) -> Json:
    retried = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    headers = {"Retry-After": _header("5", "seconds until it is worth another try")} if retried else {}
    return _given(what, {MEDIA_TYPE: {"schema": _ref("Problem")}}, headers)


_IF_NONE_MATCH = _parameter("If-None-Match", "header", _TEXT, "the ETag of what you have", '"another"')

SYNC_PATHS: dict[str, Json] = {
    "/sync/head": {
        "get": _operation(
            "read_log_head",
            "The log's epoch, size and fingerprint",
            {
                200: _given("the head", _json("LogHead"), _CACHED),
                304: _given("you have it", headers=_CACHED),
            },
            parameters=(_IF_NONE_MATCH,),
        )
    },
    "/sync/peers": {
        "get": _operation(
            "read_recommended_peers",
            "The peers that the node's operator recommends: claims, of whom nobody was asked",
            {200: _given("the list, which may be empty", _json("RecommendedPeers"))},
        )
    },
    "/sync/{epoch}/entries/{name}": {
        "get": _operation(
            "read_tile",
            "A tile: {i}.ndjson.gz, {i}.{w}.ndjson.gz for its first w ops, {i}.{a}-{b}.ndjson.gz for ops a up to b",
            {
                200: _given("the tile", _GZIP, _OF_A_TILE),
                206: _given(
                    "the bytes asked for",
                    _GZIP,
                    {**_OF_A_TILE, "Content-Range": _header("bytes 5000-9999/10000", "which, and of how many")},
                ),
                304: _given("you have it", headers=_TILE_ETAG),
            },
            {
                404: "this log has no such tile: `no_tile`",
                416: "none of the bytes asked for is there: `no_range`",
            },
            parameters=(
                _parameter("epoch", "path", _hex(32), "of the head", _EPOCH),
                _parameter("name", "path", {"type": "string", "pattern": _TILE_NAME}, "which entries", "0.5.ndjson.gz"),
                _IF_NONE_MATCH,
                _parameter("Range", "header", _TEXT, "one range of bytes", "bytes=0-9999"),
                _parameter(
                    "If-Range", "header", _TEXT, "the ETag that the range is of: of others, all is answered", ""
                ),
            ),
        )
    },
    "/sync/ops/get": {
        "post": _operation(
            "read_operations",
            "Operations by hash, or by what their hashes begin with, children first; the answer may be a prefix",
            {200: _given("those that are here; packed where the question was bytes", {**_NDJSON, **_GZIP})},
            body={**_json("OperationsQuestion", {"hashes": [_OP_HASH]}), **_BYTES},
        )
    },
    "/sync/difference": {
        "post": _operation(
            "compare_sets",
            "What two logs differ in: symbols of the log, or hashes, of all of it or of what begins with some bits",
            {200: _given("a line of JSON, and the bytes that were asked for", _BYTES)},
            {
                404: "the epoch or the size is another by now: `no_log`",
                501: "this log cannot be compared now: `not_offered`",
            },
            body=_json("DifferenceQuestion", {"symbols": [0, 8]}),
        )
    },
    "/sync/reconcile": {
        "post": _operation(
            "compare_logs",
            "Ranges of the log in the order (updated_at, hash): the hashes of a small one, digests of a large one's "
            "parts",
            {200: _given("each range", _json("LogComparison"))},
            {
                404: "the epoch or the snapshot is another by now: `no_log`",
                501: "this log is too long to be compared: `not_offered`",
            },
            body=_json("LogQuestion", {"epoch": _EPOCH, "ranges": [[None, None]]}),
        )
    },
    "/sync/ops": {
        "post": _operation(
            "push_operations",
            "Offer operations, one a line; refused unless the node's operator lets others push",
            {200: _given("what came of them", _json("PushReport"))},
            {
                401: "this node takes operations from those who bear a token for that: `unauthorized`",
                403: "this node takes no operations (`push_off`, `read_only`, `hub_view`), or not by this token; or "
                "another page's `Origin`",
                429: "this address has pushed what it may in a day (`ration`), or waits for as much as one may "
                "(`too_many`)",
                507: "the node keeps no more of others, or none but of those whom its operator knows (`full`); or its "
                "disk is full",
            },
            body=_PUSHED,
            # With a token or, as the operator chose, without.
            security=[{}, {"token": []}],
        )
    },
    "/health": {
        "get": _operation(
            "read_health",
            "Whether the node answers",
            {200: _given("it does", _json("Health"))},
            tag="about",
        )
    },
    "/health/live": {
        "get": _operation(
            "read_liveness",
            "Whether the process answers: the replica is not looked at",
            {200: _given("it does", _json("Liveness"))},
            tag="about",
        )
    },
    "/health/ready": {
        "get": _operation(
            "read_readiness",
            "Whether the node should be asked",
            {200: _given("it should", _json("Readiness"))},
            {503: "it should not: `not_ready`, and `reasons`; or `busy`"},
            tag="about",
        )
    },
    "/metrics": {
        "get": _operation(
            "read_metrics",
            "What the node counts, for Prometheus; OpenMetrics where `Accept` asks for it",
            {200: _given("the metrics", _METRICS)},
            {
                401: "the metrics need a bearer token for `metrics`: `unauthorized`",
                403: "the token is for something else: `insufficient_scope`",
            },
            tag="about",
            # Without one on a node that nobody else reaches, while no token is for that.
            security=[{}, {"token": []}],
        )
    },
}

_OBJECT: Json = {"type": "object"}
_CATALOG: dict[str, Json] = {
    ai_catalog.MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "properties": {"specVersion": {"const": ai_catalog.VERSION}, "host": _OBJECT, "entries": _list(_OBJECT)},
            "required": ["specVersion", "entries"],
        }
    }
}
_CARD: dict[str, Json] = {
    a2a_card.MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "properties": {"name": _TEXT, "supportedInterfaces": _list(_OBJECT), "skills": _list(_OBJECT)},
            "required": ["name", "supportedInterfaces", "skills"],
        }
    }
}
_HELD: dict[str, Json] = {
    "ETag": _header('"0f343b0931126a20f133d67c2b018a3b"', "for If-None-Match"),
    "Cache-Control": _header("no-cache", "ask again, with If-None-Match"),
}


def _told(name: str, summary: str, content: dict[str, Json], missing: str = "", *parameters: Json) -> Json:
    answers = {200: _given("it", content, _HELD), 304: _given("you have it", headers=_HELD)}
    wrong = "a parameter that there is not (`parameter`), or what several ids begin with (`ambiguous`)"
    refused = {400: wrong, **({404: missing} if missing else {})}
    return {"get": _operation(name, summary, answers, refused, parameters=(*parameters, _IF_NONE_MATCH), tag="about")}


# What is answered in the formats of others.
TONGUE_PATHS: dict[str, Json] = {
    f"/{ai_catalog.WELL_KNOWN}": _told(
        "read_catalog", "All records as an AI Catalog, divided into others where they are many", _CATALOG
    ),
    f"/{ai_catalog.PARTS}/{{part}}": _told(
        "read_catalog_part",
        "The records whose ids begin with some digits, as an AI Catalog",
        _CATALOG,
        "it is no part of the catalog: `not_found`",
        _parameter("part", "path", {"type": "string", "pattern": "^[0-9a-f]{1,64}\\.json$"}, "the digits", "3f.json"),
    ),
    "/agents/{record_id}/agent-card.json": _told(
        "read_agent_card",
        "The A2A agent card of an agent that answers over A2A",
        _CARD,
        "there is no such agent, or nothing says that it answers over A2A: `not_found`",
        _parameter("record_id", "path", {"type": "string", "minLength": 1}, "its id, or the beginning of it", _OP_HASH),
    ),
}

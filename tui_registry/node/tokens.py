"""Who may write over REST, push, or read how the node is doing: the bearer token of a request (RFC 6750)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from tui_registry.datastore import Datastore, TokenScope
from tui_registry.node.responses import NodeError

# Whether a node takes operations from others: from nobody, from anybody, from those who bear a token for pushing, or
# from whoever brings what a key signed that has a name here.
AcceptOps: TypeAlias = bool | Literal["token", "named"]


def accepting(who: str) -> AcceptOps:
    """What one of `settings.PUSHERS` says; the empty word says nobody."""
    match who:
        case "token" | "named":
            return who
        case _:
            return who == "anybody"


class Tokens:
    """The tokens of a node, as they are at each request: one that is revoked opens nothing from then on."""

    def __init__(self, datastore: Datastore) -> None:
        self._known = datastore.tokens

    def allows(self, header: str | None, scope: TokenScope) -> str | None:
        """The name of the token that an Authorization header carries, None where it carries none that is known.

        Quick, and may be asked in the event loop.

        Raises:
            NodeError: `insufficient_scope` (403): the token is known, and is for something else.
        """
        scheme, _, credentials = (header or "").partition(" ")
        # Looked up whatever else is wrong, so that the time says nothing. Starlette reads headers as Latin-1.
        token = self._known.find(credentials.strip(" ").encode("latin-1", "replace"))
        if token is None or scheme.lower() != "bearer":
            return None
        if scope not in token.scopes:
            raise NodeError(
                "insufficient_scope",
                f"the token '{token.name}' is for {' and '.join(token.scopes)}, and this needs one for {scope}: the "
                "node's operator makes one with 'token add'",
                headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )
        return token.name

"""The bearer token that a write over REST needs: made at the node's first start, kept beside the replica."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from pathlib import Path

from tui_registry.durable import drafted, give_new_name, sweep
from tui_registry.node.problems import NodeError
from tui_registry.text import safe_text

TOKEN_FILE = "node.token"  # noqa: S105 - its name, not its content
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}", re.ASCII)


def node_token(data_dir: Path) -> str:
    """The node's token from `node.token` (mode 0600), made on first use.

    Raises:
        NodeError: code `token`: the file cannot be read, written, or holds no token.
    """
    path = data_dir / TOKEN_FILE
    try:
        if not path.exists():
            # Whole before it has its name: a second process never reads half a token.
            text = secrets.token_urlsafe(32) + "\n"
            with drafted(path, text.encode()) as draft, contextlib.suppress(FileExistsError):
                give_new_name(draft, path)
        path.chmod(0o600)
        sweep(data_dir, TOKEN_FILE)
        with path.open("rb") as file:
            token = file.read(256).decode("ascii", "replace").strip()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno is not None else type(error).__name__
        raise NodeError("token", f"{safe_text(str(path))}: {why}") from None
    if not _TOKEN.fullmatch(token):
        raise NodeError("token", f"{safe_text(str(path))} holds no token: delete it, and `serve` makes a new one")
    return token


def is_token(given: str | None, token: str) -> bool:
    """Whether an Authorization header carries the token; takes as long for a near miss as for a far one."""
    scheme, _, credentials = (given or "").partition(" ")
    return hmac.compare_digest(credentials.strip(" ").encode(), token.encode()) and scheme.lower() == "bearer"

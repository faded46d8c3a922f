"""The bearer token that a write over REST needs: made at the node's first start, kept beside the replica."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from pathlib import Path

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
        with contextlib.suppress(FileExistsError):
            _make(path)
        path.chmod(0o600)
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


def _make(path: Path) -> None:
    # Written whole under another name and linked: a second process never reads half a token.
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)

"""stdin, stdout and stderr: closed ones, those of another encoding, and readers that went away."""

from __future__ import annotations

import os
import sys


def prepare_streams() -> None:
    """Give a closed stream (`>&-`) the null device, as all code reckons with three streams, and let a terminal of
    another encoding show a replacement instead of ending the command.

    What is written to a closed stdout is an error all the same, or `export >&-` would pass for a backup.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # It gets the number of the closed one, so that no file opened later is taken for the stream.
            handle = os.open(os.devnull, os.O_RDWR if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
            reconfigure(errors="backslashreplace")


def close_quietly() -> None:
    """After a reader went away: keep the interpreter from complaining about it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())

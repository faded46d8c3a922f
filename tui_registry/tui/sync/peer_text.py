"""What the Sync screen says in whole sentences: a peer in detail, and what a peer is while there is none. Pure."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from tui_registry.present.pulls import PullResult, Tally, kept_out
from tui_registry.text import address_short, exact, safe_text, size_bytes
from tui_registry.tui.browse.detail_text import moment
from tui_registry.tui.kit.actions import action
from tui_registry.tui.kit.text_flow import field, paragraph, stack
from tui_registry.tui.sync.peer_row import bar, percent, rate_text, state_text
from tui_registry.tui.sync.peer_view import PeerView, Pulling

_LABEL: Final = 10
_LONGEST: Final = 600
_MUTED: Final = "$foreground-muted"

EXAMPLES: Final = (
    ("http://127.0.0.1:8420", "a node, run by  tui-registry serve"),
    ("/media/stick/registry", "a folder, from  tui-registry export --log"),
)


def peer_detail(view: PeerView, now: int, width: int) -> Content:
    """Everything known of a peer, what matters most first."""
    peer = view.peer
    lines = [*_head(view, width), *_state(view, width)]
    lines += field("cursor", _cursor(view), width, _LABEL)
    lines += field("kept out", _kept_out(view), width, _LABEL)
    if view.pulling is None and view.result is not None and view.result.ok:
        lines += field("last pull", _came_to(view.result), width, _LABEL)
    lines += field("synced", _times(view, now), width, _LABEL)
    if peer.node is not None:
        lines += field("node", f"signs as {address_short(peer.node)} ({safe_text(peer.node, 40)})", width, _LABEL)
    return stack(lines)


def no_peers(width: int) -> Content:
    """What a peer is, and how to add one."""
    key = action("sync.add").footer_key
    lines = [Content.styled("There are no peers yet.", "bold"), Content("")]
    lines += paragraph("A peer is a node or a folder that this replica pulls records from.", width)
    lines += paragraph("Nothing travels until you pull. Each record is signed by its owner.", width)
    lines += [Content(""), Content.assemble((f"  {key}  ", "bold $text-accent"), "add one, for example")]
    for address, words in EXAMPLES:
        lines.append(Content.assemble(f"       {address}  ", (words, _MUTED)))
    return stack([line.truncate(width, ellipsis=True) for line in lines])


# How


def _head(view: PeerView, width: int) -> list[Content]:
    name = safe_text(view.name, 40)
    address = paragraph(safe_text(view.peer.address, _LONGEST), width - len(name) - 2)
    indent = " " * (len(name) + 2)
    first = Content.assemble((name, "bold $text-primary"), "  ") + address[0]
    return [first, *(Content(indent) + line for line in address[1:])]


def _state(view: PeerView, width: int) -> list[Content]:
    room = width - _LABEL
    if view.failure is not None:
        reason = safe_text(view.failure, _LONGEST).rstrip(".")
        end = "" if reason.endswith("?") else "."
        key = action("sync.retry").footer_key
        return field("state", f"{view.failure_word}: {reason}{end} {key} tries again", width, _LABEL, "$text-warning")
    pulling = view.pulling
    if pulling is None or pulling.share is None or pulling.stopping:
        said = _said_in_full(state_text(view, room), view)
        return field("state", said, width, _LABEL)
    end = f" {percent(pulling.share)}"
    progress = pulling.progress
    return [
        *field("state", f"{bar(pulling.share, min(room - len(end), 60))}{end}", width, _LABEL),
        *field("", _so_far(pulling), width, _LABEL),
        *field("so far", (Tally() if progress is None else progress.so_far).brief, width, _LABEL),
    ]


def _said_in_full(state: str, view: PeerView) -> str:
    if view.pulling is not None and view.pulling.stopping:
        return "stopping when the batch at hand is stored; what was read is kept"
    if view.pulling is not None:
        return state
    if view.peer.identical:
        return "identical: both logs hold the same operations"
    key = action("sync.pull").footer_key
    if state.startswith("behind"):
        return f"{state} operations of its log: {key} reads on"
    if state == "never pulled":
        return f"never pulled: {key} reads its log"
    if any(number for _, number in kept_out(view.peer)):
        return "up to date: all of its log was read, and not all of it was kept"
    return "up to date: all of its log was read, and this replica has more"


def _so_far(pulling: Pulling) -> str:
    """As long on every batch, or the lines below would jump."""
    of = exact((pulling.of or 0) - pulling.start)
    words = [f"{exact(pulling.done - pulling.start)} of {of} read"]
    rate = rate_text(pulling)
    words += [] if rate == "-" else rate.split("  ")
    if pulling.progress is not None:
        words.append(size_bytes(pulling.progress.so_far.bytes))
    return " · ".join(words)


def _cursor(view: PeerView) -> str:
    if view.theirs is None:
        return "at 0, its log was never seen"
    epoch = "" if view.peer.epoch is None else f" · epoch {safe_text(view.peer.epoch, 40)[:8]}…"
    return f"at {exact(view.ours)} of {exact(view.theirs)} in its log{epoch}"


def _kept_out(view: PeerView) -> str:
    words = []
    for count, number in kept_out(view.peer):
        why = count.kept_out or f"{action('sync.quarantine').footer_key} shows why"
        words.append(f"{exact(number)} {count.name}" + (f" ({why})" if number else ""))
    return " · ".join(words)


def _came_to(result: PullResult) -> str:
    what = f"{exact(result.read)} read · {result.brief} · {size_bytes(result.bytes)} in {result.seconds:.1f} s"
    if result.restarted:
        what += ". Its log began anew, and was read from its start"
    if result.first_rejection is not None:
        what += f". First rejection: {result.first_rejection}"
    return what


def _times(view: PeerView, now: int) -> str:
    peer = view.peer
    synced = "never" if peer.last_sync is None else moment(peer.last_sync, now)
    if peer.last_try is None or peer.last_try == peer.last_sync:
        return synced
    return f"{synced} · last tried {moment(peer.last_try, now)}"

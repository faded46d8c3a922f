"""`identity name`: what this replica calls the keys of owners."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from tui_registry.cli.parser import words

if TYPE_CHECKING:
    from tui_registry.datastore import Datastore

DESCRIPTION = (
    "Give the key of an owner a name of yours, or tell the name it has; without an address, tell all names. Compare\n"
    "the address with its owner first. Names stay on this machine; 'search owner:NAME' finds the owner's records."
)


def arguments(parser: ArgumentParser) -> None:
    """What `identity name` takes."""
    parser.add_argument("address", nargs="?", type=_address, metavar="ADDRESS", help="40 hex digits, as in 'show'")
    parser.add_argument("name", nargs="?", type=words, metavar="NAME", help="what you call it from now on")
    parser.add_argument("--forget", action="store_true", help="take its name away")
    parser.add_argument("--json", action="store_true", help="JSON, one object a line")


def run(datastore: Datastore, args: Namespace) -> None:
    """Tell, give or take away.

    Raises:
        StoreError: `not_found` when there is no name to forget.
    """
    from tui_registry.cli.errors import UsageError
    from tui_registry.datastore import StoreError

    names, address, name = datastore.names.all(), args.address, args.name
    if args.forget:
        if address is None or name is not None:
            raise UsageError("--forget takes an address and nothing else: 'identity name' tells all that have a name")
        if address not in names:
            raise StoreError("not_found", f"the key 0x{address} has no name here")
        datastore.names.set(address, "")
        _tell(address, None, as_json=args.json)
    elif address is None:
        _tell_all(names, as_json=args.json)
    elif name is None:
        _tell(address, names.get(address), as_json=args.json)
    elif not name.strip():
        raise UsageError("the name is empty: --forget takes a name away")
    else:
        datastore.names.set(address, name)
        _tell(address, name.strip(), as_json=args.json)


# How


def _address(text: str) -> str:
    digits = text.lower().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-f]{40}", digits):
        raise ArgumentTypeError("is not an address of 40 hex digits, as 'show' tells the owner's")
    return digits


def _tell_all(names: dict[str, str], *, as_json: bool) -> None:
    from tui_registry.cli.output import note

    for address, name in sorted(names.items(), key=lambda item: (item[1], item[0])):
        _tell(address, name, as_json=as_json)
    if not names:
        note("no key has a name here: 'identity name ADDRESS NAME' gives one")


def _tell(address: str, name: str | None, *, as_json: bool) -> None:
    from tui_registry.cli.output import note, out, out_json
    from tui_registry.text import safe_text

    if as_json:
        out_json({"address": address, "name": name})
    elif name is None:
        note(f"the key 0x{address} has no name here")
    else:
        out(f"0x{address}  {safe_text(name)}")

"""`serve`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from tui_registry.cli.parser import examples


def arguments(parser: ArgumentParser) -> None:
    """What `serve` takes."""
    from tui_registry.node.limits import DEFAULT_PORT

    parser.description = (
        "Serve this replica as a node: others add its URL as a peer and pull from it, and programs use its REST\n"
        "API (described at URL/docs). Reading is open to everybody who reaches the node; writing over REST signs\n"
        "with this replica's key and needs the bearer token that --token shows. Ctrl+C ends it.\n\n"
        "The first line on stdout says where it listens, once it does."
    )
    parser.epilog = examples(
        "tui-registry serve",
        "tui-registry serve --host 0.0.0.0 --allow-remote",
        "tui-registry serve --port 0 --json",
        'curl -H "Authorization: Bearer $(tui-registry serve --token)" ...',
    )
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", metavar="HOST", help="default: %(default)s, this machine only"
    )
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="PORT", help="default: %(default)s; 0 takes a free one"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="other machines may reach it; needed for such a HOST"
    )
    parser.add_argument("--accept-ops", action="store_true", help="strangers may push operations, within bounds")
    parser.add_argument("--token", action="store_true", help="print the token for writes over REST, and end")
    parser.add_argument("--json", action="store_true", help="say where it listens as a JSON object")


def run(args: Namespace) -> int:
    """Serve until told to end."""
    import sys

    from tui_registry.cli.output import note, out, out_json
    from tui_registry.cli.registry import open_registry
    from tui_registry.node import Address, node_token, serve

    def say(address: Address) -> None:
        if args.json:
            out_json({"url": address.url, "host": address.host, "port": address.port, "node": datastore.address})
        else:
            out(f"serving {address.url}")
            note("others pull with 'peer add NAME URL'; Ctrl+C ends this")
        sys.stdout.flush()

    with open_registry(args) as datastore:
        if args.token:
            token = node_token(datastore.data_dir)
            if args.json:
                out_json({"token": token})
            else:
                out(token)
            return 0
        serve(
            datastore,
            args.host,
            args.port,
            allow_remote=args.allow_remote,
            accept_ops=args.accept_ops,
            on_ready=say,
        )
    return 0


def _host(text: str) -> str:
    # As in a URL, such as the one that is told once the node listens.
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not host:
        raise ArgumentTypeError("needs an address of this machine, such as 127.0.0.1")
    return host


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65_535:
        raise ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)

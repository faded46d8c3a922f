"""`register model|agent FILE|-`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tui_registry.cli.parser import examples

_EXAMPLE = """\
a record in YAML (JSON works as well; every field but the name may be left out):

  name: my-finetune
  version: 1.0.0
  license: Apache-2.0
  parameters: 7.6b
  context_length: 32k
  tags: [chat, code]
  resource_requirements:
    requires_gpu: true
    min_vram_gb: 16"""


def arguments(parser: ArgumentParser) -> None:
    """What `register` takes."""
    parser.description = (
        "Sign a record with this replica's key and register it. Id, owner and times are set here.\n"
        "A record with errors is not stored; every problem is listed."
    )
    parser.epilog = "\n".join(
        (
            examples(
                "tui-registry register model my-finetune.yaml",
                "tui-registry register agent - < crew.json",
                "tui-registry register model my-finetune.yaml --json | jq -r .id",
            ),
            "",
            _EXAMPLE,
        )
    )
    parser.add_argument("kind", choices=("model", "agent"), metavar="model|agent")
    parser.add_argument("file", metavar="FILE", help="a JSON or YAML file, or - for stdin")
    parser.add_argument("--json", action="store_true", help="print the registered record as a JSON object")


def run(args: Namespace) -> int:
    """Register the record."""
    from tui_registry.cli.drafts import document_draft, draft_of
    from tui_registry.cli.registry import open_registry
    from tui_registry.cli.writing import in_file, key_explained, tell

    finding = document_draft(args.file, args.kind)
    kind, record = draft_of(finding)
    with open_registry(args) as datastore, key_explained(datastore), in_file(finding.source):
        op = datastore.add(kind, record)
        tell(datastore, "registered", op, as_json=args.json)
    return 0

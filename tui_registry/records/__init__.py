"""What is registered: plain records, their types, wire limits, authoring rules and canonical bytes. No I/O."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .as_written import read_manifest, read_record
    from .authoring import check, is_plainly_valid
    from .documents import DocumentError, load_document
    from .manifests import check_manifest
    from .schema import FIELDS, defaults
    from .types import (
        AgentFramework,
        AgentResourceRequirements,
        AgentType,
        AIAgent,
        AIModel,
        Architecture,
        Artifact,
        Derivation,
        Evaluation,
        Interface,
        InterfaceProtocol,
        Manifest,
        ManifestStatus,
        ModelFramework,
        ModelResourceRequirements,
        ModelType,
        Other,
        QuantizationType,
        Relation,
        SubjectKind,
    )
    from .wire import ShapeError, canonical_bytes, derive_id, derive_manifest_id, wire_limits, wire_problems

__all__ = [
    "FIELDS",
    "AIAgent",
    "AIModel",
    "AgentFramework",
    "AgentResourceRequirements",
    "AgentType",
    "Architecture",
    "Artifact",
    "Derivation",
    "DocumentError",
    "Evaluation",
    "Interface",
    "InterfaceProtocol",
    "Manifest",
    "ManifestStatus",
    "ModelFramework",
    "ModelResourceRequirements",
    "ModelType",
    "Other",
    "QuantizationType",
    "Relation",
    "ShapeError",
    "SubjectKind",
    "canonical_bytes",
    "check",
    "check_manifest",
    "defaults",
    "derive_id",
    "derive_manifest_id",
    "is_plainly_valid",
    "load_document",
    "read_manifest",
    "read_record",
    "wire_limits",
    "wire_problems",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("read_manifest", "read_record"), ".as_written"),
        **dict.fromkeys(("check", "is_plainly_valid"), ".authoring"),
        "check_manifest": ".manifests",
        **dict.fromkeys(("DocumentError", "load_document"), ".documents"),
        **dict.fromkeys(("FIELDS", "defaults"), ".schema"),
        **dict.fromkeys(
            (
                "AIAgent",
                "AIModel",
                "AgentFramework",
                "AgentResourceRequirements",
                "AgentType",
                "ModelFramework",
                "ModelResourceRequirements",
                "ModelType",
                "Other",
                "QuantizationType",
                "Architecture",
                "Artifact",
                "Derivation",
                "Evaluation",
                "Interface",
                "InterfaceProtocol",
                "Manifest",
                "ManifestStatus",
                "Relation",
                "SubjectKind",
            ),
            ".types",
        ),
        **dict.fromkeys(
            ("ShapeError", "canonical_bytes", "derive_id", "derive_manifest_id", "wire_limits", "wire_problems"),
            ".wire",
        ),
    },
)

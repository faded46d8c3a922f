"""What is registered: plain records, their types, wire limits, authoring rules and canonical bytes. No I/O."""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .authoring import check as check
    from .documents import DocumentError as DocumentError
    from .documents import load_document as load_document
    from .reading import read_record as read_record
    from .schema import FIELDS as FIELDS
    from .schema import defaults as defaults
    from .types import (
        AgentFramework as AgentFramework,
    )
    from .types import (
        AgentResourceRequirements as AgentResourceRequirements,
    )
    from .types import (
        AgentType as AgentType,
    )
    from .types import (
        AIAgent as AIAgent,
    )
    from .types import (
        AIModel as AIModel,
    )
    from .types import (
        ModelFramework as ModelFramework,
    )
    from .types import (
        ModelResourceRequirements as ModelResourceRequirements,
    )
    from .types import (
        ModelType as ModelType,
    )
    from .types import (
        Other as Other,
    )
    from .types import (
        QuantizationType as QuantizationType,
    )
    from .wire import ShapeError as ShapeError
    from .wire import canonical_bytes as canonical_bytes
    from .wire import derive_id as derive_id
    from .wire import wire_limits as wire_limits
    from .wire import wire_problems as wire_problems

_HOMES = {
    "check": ".authoring",
    "DocumentError": ".documents",
    "load_document": ".documents",
    "read_record": ".reading",
    "FIELDS": ".schema",
    "defaults": ".schema",
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
        ),
        ".types",
    ),
    **dict.fromkeys(("ShapeError", "canonical_bytes", "derive_id", "wire_limits", "wire_problems"), ".wire"),
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)

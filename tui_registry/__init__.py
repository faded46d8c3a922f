"""A decentralised registry of AI models and agents, explored from the terminal.

    from tui_registry import AIModel, Datastore

    with Datastore.open() as registry:
        op = registry.add_model(AIModel(name="my-finetune", license="Apache-2.0"))

The names below are the public Python API and stay stable; each is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from .crdt import AgentOp, Identity, ModelOp, OpError, check_op, parse_op
    from .datastore import Datastore, StoreError
    from .errors import InvalidRecord, Problem, RegistryError
    from .query import QueryError
    from .records import (
        AgentFramework,
        AgentResourceRequirements,
        AgentType,
        AIAgent,
        AIModel,
        ModelFramework,
        ModelResourceRequirements,
        ModelType,
        Other,
        QuantizationType,
    )
    from .sync.remote import Remote, RemoteError, connect

__all__ = [
    "AIAgent", "AIModel", "AgentFramework", "AgentOp", "AgentResourceRequirements", "AgentType", "Datastore",
    "Identity", "InvalidRecord", "ModelFramework", "ModelOp", "ModelResourceRequirements", "ModelType", "OpError",
    "Other", "Problem", "QuantizationType", "QueryError", "RegistryError", "Remote", "RemoteError", "StoreError",
    "check_op", "connect", "parse_op",
]  # fmt: skip

__version__ = "0.2.0"

_HOMES = {
    **dict.fromkeys(("AgentOp", "Identity", "ModelOp", "OpError", "check_op", "parse_op"), ".crdt"),
    **dict.fromkeys(("Datastore", "StoreError"), ".datastore"),
    **dict.fromkeys(("InvalidRecord", "Problem", "RegistryError"), ".errors"),
    "QueryError": ".query",
    **dict.fromkeys(("Remote", "RemoteError", "connect"), ".sync.remote"),
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
        ".records",
    ),
}
__getattr__, __dir__ = lazy_exports(__name__, _HOMES)

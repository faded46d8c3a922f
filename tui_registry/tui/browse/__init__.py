"""Browse: search as one types, the list of records, the record in full, and what can be done with it.

Offers what the first frame does without; each is imported when it is asked for. Nothing else here is imported late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_registry._lazy import lazy_exports

if TYPE_CHECKING:
    from tui_registry.tui.browse.detail_screen import DetailScreen as DetailScreen
    from tui_registry.tui.browse.facet_panel import FacetPanel as FacetPanel
    from tui_registry.tui.browse.kept_marks import KeptMarks as KeptMarks
    from tui_registry.tui.browse.list_layout import ListLayout as ListLayout
    from tui_registry.tui.browse.machines import MachineChoice as MachineChoice, Machines as Machines
    from tui_registry.tui.browse.marked_records import Marking as Marking, Several as Several
    from tui_registry.tui.browse.record_actions import (
        Change as Change,
        RecordActions as RecordActions,
        Ref as Ref,
        Subject as Subject,
    )
    from tui_registry.tui.browse.record_detail import (
        RecordDetail as RecordDetail,
        Surroundings as Surroundings,
        problems_in_words as problems_in_words,
        read_shown as read_shown,
        version_lines as version_lines,
    )
    from tui_registry.tui.browse.record_use import RecordUse as RecordUse
    from tui_registry.tui.browse.saved_searches import SavedSearches as SavedSearches
    from tui_registry.tui.browse.search_input import CompletionList as CompletionList, QueryInput as QueryInput
    from tui_registry.tui.browse.status_screen import StatusScreen as StatusScreen
    from tui_registry.tui.browse.version_screen import Restoring as Restoring, VersionScreen as VersionScreen

__all__ = [
    "Change",
    "CompletionList",
    "DetailScreen",
    "FacetPanel",
    "KeptMarks",
    "ListLayout",
    "MachineChoice",
    "Machines",
    "Marking",
    "QueryInput",
    "RecordActions",
    "RecordDetail",
    "RecordUse",
    "Ref",
    "Restoring",
    "SavedSearches",
    "Several",
    "StatusScreen",
    "Subject",
    "Surroundings",
    "VersionScreen",
    "problems_in_words",
    "read_shown",
    "version_lines",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "DetailScreen": ".detail_screen",
        "FacetPanel": ".facet_panel",
        "KeptMarks": ".kept_marks",
        "ListLayout": ".list_layout",
        **dict.fromkeys(("Change", "RecordActions", "Ref", "Subject"), ".record_actions"),
        **dict.fromkeys(
            ("RecordDetail", "Surroundings", "problems_in_words", "read_shown", "version_lines"), ".record_detail"
        ),
        **dict.fromkeys(("MachineChoice", "Machines"), ".machines"),
        "RecordUse": ".record_use",
        "SavedSearches": ".saved_searches",
        **dict.fromkeys(("Marking", "Several"), ".marked_records"),
        "StatusScreen": ".status_screen",
        **dict.fromkeys(("CompletionList", "QueryInput"), ".search_input"),
        **dict.fromkeys(("Restoring", "VersionScreen"), ".version_screen"),
    },
)

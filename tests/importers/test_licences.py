"""Licences of model cards, headers and servers as SPDX, or left for the authoring rule to ask about."""

from __future__ import annotations

import pytest

from tui_registry.importers.draft_writer import Draft, put_licence, spdx
from tui_registry.licences import licence_fault

# https://huggingface.co/docs/hub/repositories-licenses
HUB = (
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0",
    "eupl-1.1", "isc", "lppl-1.3c", "ms-pl", "mpl-2.0", "odc-by", "odbl", "openrail++", "osl-3.0", "postgresql",
    "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl", "lgpl-lr", "deepfloyd-if-license", "llama2", "llama3",
    "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma", "agpl-3.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1",
    "lgpl-3.0", "eupl-1.2", "apple-ascl", "apple-amlr", "intel-research", "h-research",
    "fair-noncommercial-research-license",
)  # fmt: skip


@pytest.mark.parametrize("identifier", HUB)
def test_every_licence_of_the_hub_becomes_one_that_can_be_signed(identifier: str) -> None:
    licence = spdx(identifier)
    fault = licence_fault(licence.expression)
    assert licence.note is None
    # The GNU ids without "only" or "or later" are deprecated: the rule warns and says what to write.
    assert fault is None or (fault.severity == "warning" and "gpl" in identifier)


@pytest.mark.parametrize(
    ("identifier", "wanted"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("llama3.1", "LicenseRef-Llama-3.1"),
        ("gemma", "LicenseRef-Gemma"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("openrail++", "LicenseRef-CreativeML-OpenRAIL-PlusPlus-M"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
    ],
)
def test_well_known_spellings_have_one_expression(identifier: str, wanted: str) -> None:
    assert spdx(identifier).expression == wanted


@pytest.mark.parametrize("family", ["bsd", "cc", "gpl", "lgpl", "gfdl"])
def test_a_family_stays_as_it_is_and_the_rule_asks(family: str) -> None:
    licence = spdx(family)
    assert licence.expression == family
    assert licence.note == f"{family} is a family of licences: name the one that is meant"
    fault = licence_fault(licence.expression)
    assert fault is not None
    assert fault.code == "license_ambiguous"


@pytest.mark.parametrize("identifier", ["unknown", "none", "NOASSERTION", "null", "n/a"])
def test_a_licence_that_is_not_stated_is_said_to_be_so_and_claims_nothing(identifier: str) -> None:
    licence = spdx(identifier)
    assert licence.expression == "LicenseRef-unstated"
    assert licence.note is not None
    fault = licence_fault(licence.expression)
    assert fault is not None
    assert (fault.severity, fault.code) == ("warning", "license_unstated")


@pytest.mark.parametrize("identifier", ["other", "custom", "proprietary"])
def test_no_licence_in_particular_is_left_for_a_person_to_name(identifier: str) -> None:
    licence = spdx(identifier)
    assert licence.note is not None
    fault = licence_fault(licence.expression)
    assert fault is not None
    assert fault.severity == "error"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("yi-license", "LicenseRef-yi-license"),
        ("Tongyi Qianwen LICENSE (v2)", "LicenseRef-Tongyi-Qianwen-LICENSE-v2"),
        ("llama3.2", "LicenseRef-Llama-3.2"),
        ("apache-2.0", "Apache-2.0"),
        ("../../etc", "LicenseRef-etc"),
        ("\x1b[31m", "LicenseRef-31m"),
    ],
)
def test_other_with_a_name_becomes_a_reference_to_that_name(name: str, wanted: str) -> None:
    licence = spdx("other", name)
    assert licence.expression == wanted
    assert licence_fault(licence.expression) is None


@pytest.mark.parametrize("identifier", ["x" * 500, "mit, apache-2.0", "Лицензия", "\x00", "a\nb"])
def test_nonsense_becomes_no_claim(identifier: str) -> None:
    licence = spdx(identifier)
    assert licence.note is not None
    assert licence_fault(licence.expression) is not None


def test_the_origin_keeps_the_words_of_the_source() -> None:
    draft = Draft("model", "x")
    put_licence(draft, "llama3.1", "license in the model card")
    assert draft.origins["license"] == "license in the model card, where it is llama3.1"

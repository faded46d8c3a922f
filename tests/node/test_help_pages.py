"""The pages of help on a node: those of the package, to a browser as pages without scripts, to all others as they are."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.node.conftest import Node
from tui_registry.node.page_frame import HEADERS
from tui_registry.present.pages import PAGES, page_text

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_FENCED = re.compile("^```.*?^```$", re.DOTALL | re.MULTILINE)


class Page(HTMLParser):
    """The elements of a page, where its links lead, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_text_for_programs_and_a_page_for_browsers(untouched: Node, name: str) -> None:
    text = page_text(name)
    plain = untouched.reader.get(f"/docs/{name}")
    assert (plain.status_code, plain.text) == (200, text)
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    shown = untouched.reader.get(f"/docs/{name}", headers=BROWSER)
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(shown.text)
    assert text.partition("\n")[0].lstrip("# ") in page.text
    assert not page.tags & {"script", "img", "iframe", "object", "svg", "link", "form"}
    assert page.attributes <= {"lang", "charset", "name", "content", "href", "class", "start"}
    assert not any("//" in link or ":" in link for link in page.links)
    # Another page is where it is named.
    named = {*re.findall(r"`(?:tui-registry )?help ([a-z]+)`", _FENCED.sub("", text))}
    assert named & PAGES.keys() <= {*page.links}
    for answer in (plain, shown):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert answer.headers["vary"] == "accept"
    assert plain.headers["etag"] != shown.headers["etag"]


def test_who_takes_no_html_gets_the_page_as_it_was_written(untouched: Node) -> None:
    for accept in ("text/html;q=0", "text/plain, text/html; q=0.0, */*", "application/x-text/html"):
        shown = untouched.reader.get("/docs/trust", headers={"accept": accept})
        assert shown.headers["content-type"].startswith("text/plain"), accept
    for accept in ("text/html", "text/plain;q=0.1, TEXT/HTML;q=0.9"):
        shown = untouched.reader.get("/docs/trust", headers={"accept": accept})
        assert shown.headers["content-type"].startswith("text/html"), accept


def test_a_page_that_the_caller_has_is_not_sent_again(untouched: Node) -> None:
    for headers in ({}, BROWSER):
        first = untouched.reader.get("/docs/trust", headers=headers)
        held = {**headers, "if-none-match": first.headers["etag"]}
        again = untouched.reader.get("/docs/trust", headers=held)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        head = untouched.reader.head("/docs/trust", headers=headers)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])


def test_the_page_of_the_api_lists_them(untouched: Node) -> None:
    listed = re.findall(r"<li><a href=docs/(\w+)>", untouched.reader.get("/docs").text)
    assert listed == [*PAGES]


def test_a_page_that_there_is_not_is_refused_in_words(untouched: Node) -> None:
    answer = untouched.reader.get("/docs/trsut", headers=BROWSER)
    assert answer.status_code == 404
    assert "there is no page of help called &#x27;trsut&#x27;: did you mean trust?" in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    for path in ("/docs/..%2ftrust", "/docs/%1b%5b31m%3Cb%3E", "/docs/trust.md", "/docs/trust/", "/docs/"):
        answer = untouched.reader.get(path, headers=BROWSER)
        assert answer.status_code == 404, path
        assert "<b>" not in answer.text
        assert "\x1b" not in answer.text
        told = untouched.reader.get(path)
        assert (told.status_code, told.headers["content-type"]) == (404, "application/problem+json"), path
    assert untouched.reader.put("/docs/trust").status_code == 405

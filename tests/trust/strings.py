"""Strings that strangers may put into their records, and what of them must never reach a terminal."""

from __future__ import annotations

import re

ESC, CSI, BEL = "\x1b", "\x9b", "\x07"

STRINGS: dict[str, str] = {
    # markup of Textual, Rich, Markdown, HTML
    "closing-tag": "[/x]",
    "every-closing-tag": "[/][/b][/]]",
    "action": "[@click=app.quit]press me[/]",
    "action-bell": "[@click=app.bell()]x[/]",
    "link": "[link=file:///etc/passwd]x[/link]",
    "style": "[bold red on blink]x",
    "broken-style": "[#zzzzzz]x[$%&]",
    "brackets": "[" * 60 + "]" * 60,
    "markdown": "# x\n[x](javascript:alert(1)) ![x](http://evil.example/x.png) <script>alert(1)</script>",
    "html": "<img src=x onerror=alert(1)>&lt;&amp;</pre>",
    "percent": "%s %d %(x)s {0} {x!r} {{}} $x ${x} `x`",
    # what terminals act on
    "colour": f"{ESC}[31mred{ESC}[0m",
    "clear": f"{ESC}[2J{ESC}[H{ESC}c",
    "title": f"{ESC}]0;owned{BEL}",
    "clipboard": f"{ESC}]52;c;cm0gLXJmIC8={BEL}",
    "clipboard-st": f"{ESC}]52;c;cm0gLXJmIC8={ESC}\\",
    "hyperlink": f"{ESC}]8;;http://evil.example{ESC}\\here{ESC}]8;;{ESC}\\",
    "device-control": f"{ESC}P$q\"p{ESC}\\{ESC}_payload{ESC}\\{ESC}^x{ESC}\\",
    "c1": f"{CSI}31m\x9d52;c;eA==\x9c\x90\x85\x84",
    "answer-back": f"{ESC}[6n{ESC}[c\x05",
    "backspaces": "safe\b\b\b\bevil\r\nnext\rover",
    "bells": BEL * 20,
    "shifts": "\x0e\x0f\x1a\x18\x7f",
    "tabs-and-lines": "a\tb\vc\fd\x85e\u2028f\u2029g\r\nh",
    # what hides or turns around
    "bidi-override": "safe\u202egnp.exe\u202c",
    "bidi-isolates": "\u2066\u2067\u2068x\u2069\u2069\u2069\u061c\u200e\u200f",
    "unbalanced-bidi": "\u202b" * 40 + "x",
    "zero-width": "l\u200bla\u200cma\u200d\u2060\ufeff",
    "tags": "x" + "".join(chr(0xE0000 + ord(c)) for c in "hidden") + "\U000e007f",
    "variation-selectors": "x" + "\ufe0f\ufe0e" * 20 + "\U000e0100",
    "hangul-fillers": "\u3164\u115f\u1160\uffa0",
    "soft-hyphens": "so\xadft",
    "private": "\ue000\U000f0000\U0010fffd",
    "noncharacters": "\ufdd0\ufffe\uffff\U0001ffff",
    "annotations": "\ufff9x\ufffay\ufffb",
    # what breaks a layout
    "combining-flood": "Z" + "\u0301\u0336\u0489\u20dd" * 30,
    "combining-first": "\u0301" * 60,
    "long-word": "w" * 10_000,
    "long-wide-word": "\u754c" * 3_000,
    "many-lines": "line\n" * 1_500,
    "spaces": "\xa0\u2003\u3000\u1680 ",
    "one-space": " ",
    "wide": "\uff37\uff49\uff44\uff45 \u6f22\u5b57 \u1112\u1161\u11ab",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \U0001f3f4\U000e0067\U000e0062\U000e007f \U0001f44d\U0001f3fd",
    "emoji-flood": "\U0001f469\u200d" * 40,
    "keycaps": "1\ufe0f\u20e3#\ufe0f\u20e3",
    "rtl": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 abc",
    "thai": "\u0e01\u0e33\u0e49\u0e49\u0e49\u0e49\u0e49\u0e49\u0e49",
    # what queries, files and shells act on
    "sql": "'; DROP TABLE ops; --",
    "fts": '"x" OR name:* NEAR(a b) ^x {a b}: -x + *',
    "query": "params:<1 OR (NOT @x",
    "shell": "$(touch /tmp/owned); `id` | sh && rm -rf ~",
    "path": "../../../../etc/passwd",
    "csv": '=cmd|"/c calc"!A1,+1,-1,@SUM(A1)',
    "json": '"}],"name":"other","x":["',
    "yaml": "!!python/object/apply:os.system [id]\n- &a *a\n<<: *a",
    "ndjson": '{"kind":"model"}\n{"kind":"agent"}',
    "option": "--help",
    "look-alike": "\u0430\u0440\u0440\u04cf\u0435",
}  # fmt: skip

# C0 but the line feed, DEL and C1; bidi controls; separators; what shows nothing; tags; noncharacters of the plane.
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef"
    "\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
# A joiner that joins nothing, or four marks and more upon one letter (a fifth is replaced).
_STRAY = re.compile(
    "(?:^|[\x00-\u2000])\u200d|[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{5}|^[\u0300-\u036f]", re.MULTILINE
)


def dangers(text: str) -> list[str]:
    """What in a text for people could act on a terminal, hide or paint over other lines, with a little around it."""
    found = [*_FORBIDDEN.finditer(text), *_STRAY.finditer(text)]
    return [ascii(text[max(0, match.start() - 30) : match.end() + 30]) for match in found]


def fitted(text: str, most: int) -> str:
    """As much of a string as a field takes: the wire allows no NUL, and nothing trims what is left."""
    return text.replace("\0", "")[:most] or "x"

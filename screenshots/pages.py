"""Take the pictures of a node's pages anew: `python screenshots/pages.py` serves the demo's data, and Chromium looks.

Needs what the tests need (`pip install '.[test]'`), and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from tui_registry.cli.demo import prepared  # noqa: E402
from tui_registry.node import running  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
DARK = "--blink-settings=preferredColorScheme=0"


def take(name: str, url: str, size: str, *more: str) -> None:
    """Keep what a browser shows at an address."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(  # noqa: S603 - the browser of whoever takes the pictures
            [
                CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}",
                f"--window-size={size}", f"--screenshot={HERE / name}", *more, url,
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    print(name)


def main() -> None:
    """Take them all."""
    with prepared() as datastore, running(datastore) as address:
        conflict = datastore.conflicts(1)[0]
        lantern = datastore.search("name:=lantern-7b").rows[0]
        take("node-browse.png", f"{address.url}/browse?q=qwen", "1000,640")
        take("node-record.png", f"{address.url}/browse/{lantern.kind}s/{lantern.id}", "1000,1000")
        take("node-conflict.png", f"{address.url}/browse/{conflict.kind}s/{conflict.id}", "1000,930", DARK)


if __name__ == "__main__":
    main()

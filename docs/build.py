"""``python -m docs.build`` makes the documentation's site, strictly: a warning or a dead link fails.

It needs ``pip install ".[docs]"`` and, for the page that runs the engine in the browser, npm. The site is written to
``out/site``; it asks no other host for anything. To read it with that page: ``python -m http.server -d out/site``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.cmd.build import main as sphinx

from demos.lesson.language import languages
from demos.lesson.page import page
from docs import browser

SOURCES = Path(__file__).parent
ALIVE = ("players", "lesson")
"""The folders of pages that make their own parts, and keep in their addresses where a reader is."""
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}


class _Page(HTMLParser):
    """What a page links to, what it loads, and the names that its parts have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.names.update(filter(None, (found.get("id"), found.get("name"))))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        address = found.get(LOADED.get(tag, ""))
        if address and found.get("rel") not in ("canonical", "prev", "next", "search", "index"):
            self.loaded.append(address)


def faults(site: Path) -> Iterator[str]:
    """Dead links of a site, and what its pages would load from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, parsed in pages.items():
        name = path.relative_to(site.resolve())
        for address in parsed.links + parsed.loaded:
            scheme, host, file, _, part = urlsplit(address)
            if scheme in ("data", "mailto", "javascript", "blob"):
                continue
            if scheme or host:
                if address in parsed.loaded:
                    yield f"{name}: loads {address}"
                elif address.startswith("http:"):
                    yield f"{name}: {address} is not https"
                continue
            target = (path.parent / unquote(file)).resolve() if file else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{name}: {address} leads nowhere"
            elif target in pages and target.parent.name not in ALIVE and unquote(part) not in pages[target].names:
                yield f"{name}: {address} leads to no part of {target.name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site; 1 if it has a fault."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--out", type=Path, default=Path("out") / "site", help="the folder of the site")
    options.add_argument("--without-try", action="store_true", help="leave Python for the browser out: no npm needed")
    chosen = options.parse_args(arguments)
    site: Path = chosen.out
    shutil.rmtree(site, ignore_errors=True)
    for language in languages():
        (site / "lesson").mkdir(parents=True, exist_ok=True)
        page(language).write(site / "lesson" / f"{language}.html")
    flags = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", "--builder", "html"]
    if failed := sphinx([*flags, "--doctree-dir", str(site.parent / "doctrees"), str(SOURCES), str(site)]):
        return failed
    if not chosen.without_try:
        browser.add_to(site)
    found = [*faults(site)]
    print("\n".join(found) or f"the site: {(site / 'index.html').resolve()}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

"""``python -m docs.operations`` writes the page of all operations anew, from their rows."""

from __future__ import annotations

from pathlib import Path

from autodiff.program.reference import page

PAGE = Path(__file__).with_name("operations.md")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

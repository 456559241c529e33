"""The lecture as one page, to project and to play with: ``python -m demos.lesson --language de``.

The page has everything in it, and needs no network. It is written to lesson.html in the folder of the demo.
"""

from __future__ import annotations

from collections.abc import Sequence

from demos._common import folder, parser
from demos.lesson.language import languages
from demos.lesson.page import page


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "lesson")
    options.add_argument("--language", choices=languages(), default="de", help="of the page")
    chosen = options.parse_args(arguments)
    made = page(chosen.language)
    out = made.write(folder(chosen.out) / "lesson.html")
    print(f"The lecture, {len(made.html.encode()) / 1e6:.1f} MB, to open in any browser: {out.resolve()}")


if __name__ == "__main__":
    main()

"""The lecture as one page, to project and to play with: ``python -m demos.lesson --language de``.

The page has everything in it, and needs no network. It is written to lesson.html in the folder of the demo. With
``--data`` it is made of your own: ``python -m demos.lesson --data flowers.csv --label species --features a,b``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from demos._common import folder, parser
from demos.lesson.language import languages
from demos.lesson.page import page


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "lesson")
    options.add_argument("--language", choices=languages(), default="de", help="of the page")
    own = options.add_argument_group("your own data")
    own.add_argument("--data", type=Path, help="a table, as CSV with a line of names")
    own.add_argument("--label", help="the column with the class of each row")
    own.add_argument("--features", type=_names, help="the columns with the numbers, such as a,b")
    own.add_argument("--units", type=_names, default=[], help="of the features, such as cm,cm")
    own.add_argument("--hidden", type=int, default=1, help="how many hidden neurons the network has")
    own.add_argument("--observations", type=int, default=6, help="how many rows are shown")
    own.add_argument(
        "--first", type=_numbers, help="the first setting of all weights, as in --first=1.75,1.5,-0.5,1.2,2"
    )
    own.add_argument("--second", type=_numbers, help="another, with the same but for the first two weights")
    chosen = options.parse_args(arguments)
    if chosen.data is None:
        if given := [name for name in ("label", "features", "first", "second") if getattr(chosen, name) is not None]:
            options.error(f"--{given[0]} is about data of your own: give them with --data")
        made = page(chosen.language)
    else:
        if chosen.label is None or chosen.features is None:
            options.error("--data needs --label and --features: the names of the columns")
        if (chosen.first is None) != (chosen.second is None):
            options.error("--first and --second are given together, or both are found by a search")
        from demos.lesson.own import lesson
        from demos.lesson.table import read_table

        try:
            made = lesson(
                read_table(chosen.data, chosen.label, chosen.features), chosen.hidden,
                settings=None if chosen.first is None else (chosen.first, chosen.second),
                observations=chosen.observations, units=chosen.units, language=chosen.language,
                source=chosen.data.name, seed=chosen.seed,
            )  # fmt: skip
        except ValueError as error:
            options.error(str(error))
    out = made.write(folder(chosen.out) / "lesson.html")
    print(f"The lecture, {len(made.html.encode()) / 1e6:.1f} MB, to open in any browser: {out.resolve()}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"numbers with commas between them are needed, not {text!r}") from None


if __name__ == "__main__":
    main()

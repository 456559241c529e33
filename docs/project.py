"""Where the project is at home.

``HOME`` is a placeholder until the project has a public home. After it is changed here, ``python -m docs.project``
writes it wherever it stands: in the package's metadata and the templates.
"""

import tomllib
from pathlib import Path

HOME = "https://example.org/autodiff"
REPOSITORY = f"{HOME}/source"
SITE = f"{HOME}/docs"
ISSUES = f"{HOME}/issues"

ROOT = Path(__file__).parents[1]
PLACES = ("pyproject.toml", "CITATION.cff", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml")


def main(root: Path = ROOT) -> None:
    """Write the address into the files, in place of the one that stands there."""
    metadata = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    before = metadata["project"]["urls"]["Documentation"].removesuffix("/docs")
    for name in PLACES:
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(text.replace(before, HOME), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

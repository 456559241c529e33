"""Where the project is at home.

``HOME`` is a placeholder until the project has a public home. After it is changed here, ``python -m docs.project``
writes it wherever it stands: in the package's metadata and the templates.
"""

from pathlib import Path

HOME = "https://example.org/autodiff"
REPOSITORY = f"{HOME}/source"
SITE = f"{HOME}/docs"
ISSUES = f"{HOME}/issues"

ROOT = Path(__file__).parents[1]
PLACES = ("pyproject.toml", "CITATION.cff", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml")
BEFORE = "https://example.org/autodiff"
"""What stands in the files before: the placeholder."""


def main() -> None:
    """Write the address into the files."""
    for name in PLACES:
        path = ROOT / name
        path.write_text(path.read_text(encoding="utf-8").replace(BEFORE, HOME), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Where the project is at home: the one line to change, and what else has it is compared with it by a test."""

HOME = "https://example.org/autodiff"
"""A placeholder, until the project has a public home: site, source and issues are below it."""
REPOSITORY = f"{HOME}/source"
SITE = f"{HOME}/docs"

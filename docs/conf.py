"""How Sphinx builds these pages: ``make docs``, where every warning is an error."""

import sys
from pathlib import Path

project = "Relaydrill"
author = "The Relaydrill authors"
copyright = author  # noqa: A001 - Sphinx's name for it

sys.path.insert(0, str(Path(__file__).parent))
extensions = ["myst_parser", "generated"]
root_doc = "index"
# The folders beside the pages are examples that the pages link to.
exclude_patterns = [
    *("python/embedding/**", "python/locust/**", "labs/nightly/**", "labs/pull-requests/**"),
]

# A link to a heading is checked: GitHub makes the same anchors of headings, three levels down.
myst_heading_anchors = 3
# A picture with a width is written as HTML, which GitHub understands as well.
myst_enable_extensions = ["html_image"]

html_theme = "furo"
html_title = "Relaydrill"

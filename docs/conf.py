"""Sphinx's settings: `sphinx-build -W -b html -c docs . docs/_build` makes the site.

The pages are the README, docs/ and reports/ themselves, as they lie in the repository; what the
code knows better, settings and the interface of Python, is written to docs/generated/ first.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from reference import write_reference  # noqa: E402

import decouple  # noqa: E402

write_reference(ROOT / "docs" / "generated")

project, author, release = "decouple", "the decouple developers", decouple.__version__
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
root_doc = "docs/index"
include_patterns = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"),
    *("docs/*.md", "docs/notebooks/*.ipynb", "docs/generated/*.md", "reports/*.md"),
]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
# Notebooks are kept without what they gave, and run anew: what they show is what this version
# gives, and an error in one is an error of the site.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 1800
nb_merge_streams = True
nb_output_stderr = "remove"  # what TensorFlow says of the processor
# What is referred to and is not there is a warning, and warnings are errors.
nitpicky = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = f"decouple {release}"
html_copy_source = False

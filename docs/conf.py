"""Configuration of Sphinx: `make docs` builds build/site from docs/, tutorials/, CONTRIBUTING and CHANGELOG."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

import six_neurons  # noqa: E402
from docutils import nodes  # noqa: E402
from latex2mathml.converter import convert  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.writers.html5 import HTML5Translator  # noqa: E402

import lava_async  # noqa: E402
from lava_async.files import write_bytes  # noqa: E402

project = "lava-async"
version = release = lava_async.__version__
project_copyright = "the lava-async developers, BSD-3-Clause"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["**/.ipynb_checkpoints"]
default_role = "code"  # single backticks in docstrings are code, as in Markdown

# --- Tutorials -------------------------------------------------------------------------------------------------------
# Sphinx reads one folder. tutorials/ is copied into it (git ignores the copy), each file whole or not at all: tests
# may build the site at the same time.
copies = HERE / "tutorials"
copies.mkdir(exist_ok=True)
for tutorial in [*(ROOT / "tutorials").glob("*.ipynb"), ROOT / "tutorials" / "README.md"]:
    if not (copies / tutorial.name).is_file() or (copies / tutorial.name).read_bytes() != tutorial.read_bytes():
        write_bytes(copies / tutorial.name, tutorial.read_bytes())
for copy in copies.iterdir():
    if not (ROOT / "tutorials" / copy.name).exists():
        copy.unlink()

# --- Markdown and notebooks ------------------------------------------------------------------------------------------
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # `make tutorials` executes and stores them
nb_merge_streams = True
html_math_renderer = "mathml"

# --- Reference -------------------------------------------------------------------------------------------------------
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"show-inheritance": True, "ignore-module-all": True}
viewcode_follow_imported_members = False
suppress_warnings = ["ref.python"]  # types that are named in more than one class, such as `spikes`
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = True


def read_links(_: Sphinx, page: str, source: list[str]) -> None:
    """Turn links that hold in the tree (and in a file browser) into those of the site."""
    if page.startswith("tutorials/"):
        source[0] = source[0].replace("](../docs/", "](../")
    else:
        source[0] = source[0].replace("](../tutorials/", "](tutorials/")


def add_wavefront(app: Sphinx, error: Exception | None) -> None:
    """Write the first example as a page to step through, beside its picture."""
    if error is None and app.builder.format == "html":
        page = Path(app.outdir) / "pictures" / "wavefront.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(six_neurons.page(), encoding="utf-8")


def visit_formula(self: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers draw themselves: the site loads nothing from elsewhere."""
    block = isinstance(node, nodes.math_block)
    formula = convert(node.astext(), display="block" if block else "inline")
    self.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect what is defined here (called by Sphinx)."""
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_formula, None))
    app.connect("source-read", read_links)
    app.connect("build-finished", add_wavefront)


# --- Look ------------------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "lava-async"
html_context = {"default_mode": "auto"}  # dark where the reader has asked for it
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
html_sidebars = {"*": []}  # pages of the top have no neighbours that the head does not name
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["pictures.css"]

"""How Sphinx builds the site: ``nox -s docs``, or ``sphinx-build -W docs site``."""

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.append(str(Path(__file__).parent))  # for the directive of this site's own

project = "multirrelu"
author = "the developers of multirrelu"
version = release = installed("multirrelu")
extensions = [
    "benchmark_table",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "support_table",
]
exclude_patterns = ["figures"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(array_api_compat|equinox|flax|jax|nnx|numpy|torch)\..*")]  # their inventories are online
default_role = "autolink"  # in docstrings: a link where a name can be imported
autodoc_typehints = "none"  # docstrings say more of an argument than its annotation
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "multirrelu"
html_context = {"default_mode": "auto"}  # else the theme complains in the browser's console that none is given
html_favicon = "_static/favicon.svg"
html_math_renderer = "mathml"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
in_section = ["sidebar-collapse", "sidebar-nav-bs"]
html_sidebars = {"*": [], **dict.fromkeys(("backend", "conformance", "support"), in_section)}  # pages on the first level have no neighbours
html_theme_options = {"header_links_before_dropdown": 6, "navigation_with_keys": False, "show_prev_next": True}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False


def math(block: bool) -> tuple[Any, None]:
    """Return how a formula becomes MathML, which browsers draw themselves: MathJax would be fetched from another site."""

    def visit(translator: Any, node: Any) -> None:
        translator.body.append(tex2mathml(node.astext(), as_block=block))
        raise nodes.SkipNode

    return visit, None


def setup(app: Any) -> None:
    """Make it known to Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=math(False), block_renderers=math(True))

"""How Sphinx builds the site: ``nox -s docs``, or ``sphinx-build -W docs site``."""

from importlib.metadata import version as installed

project = "multirrelu"
author = "the developers of multirrelu"
version = release = installed("multirrelu")
extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["figures"]
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "multirrelu"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_prev_next": True}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False

"""How Sphinx builds the site: ``nox -s docs``, or ``sphinx-build -W docs site``."""

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.append(str(Path(__file__).parent))  # for the extensions of this site's own

project = "multirrelu"
author = "the developers of multirrelu"
version = release = installed("multirrelu")
extensions = [
    "benchmark_table",
    "descriptions",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "support_table",
]
exclude_patterns = ["_templates", "figures"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(array_api_compat|equinox|flax|jax|keras|nnx|numpy|torch)\..*"),  # their inventories are online
    ("py:obj", r"[a-z_]+"),  # an argument that is an attribute of its class too
]
default_role = "autolink"  # in docstrings: a link where a name can be imported
autodoc_typehints = "none"  # docstrings say more of an argument than its annotation
autosummary_filename_map = {  # some file systems tell no RReLU from an rrelu
    name: f"{name}-class" for name in ("multirrelu.RReLU", "multirrelu.layers.torch.RReLU", "multirrelu.memory.Placement")
}
autosummary_context = {
    "shown": {  # of classes with methods that are not for their users
        "multirrelu.layers.torch.RReLU": ["forward"],
        "multirrelu.layers.keras.RReLU": ["call", "compute_output_shape", "get_config", "from_config"],
        "multirrelu_conformance.Library": ["from_numpy", "to_numpy", "read_only", "another_device", "generator", "seed_global", "gradient"],
        "multirrelu_conformance.Statistics": [],
    },
    "signatures": {  # their own are made by their frameworks, and say more or less than a user passes
        "multirrelu.layers.flax.RReLU": "(lower=1/8, upper=1/3, *, broadcast_dims=(), deterministic=False, "
        "rng_collection='dropout', rngs=None)",
        "multirrelu.layers.keras.RReLU": "(lower=1/8, upper=1/3, shared_axes=None, seed=None, **kwargs)",
        "multirrelu.layers.linen.RReLU": "(lower=1/8, upper=1/3, broadcast_dims=(), deterministic=None, rng_collection='dropout')",
    },
}
templates_path = ["_templates"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "multirrelu"
html_context = {"default_mode": "auto"}  # else the theme complains in the browser's console that none is given
html_favicon = "_static/favicon.svg"
html_math_renderer = "mathml"
html_search_scorer = str(Path(__file__).parent / "_static" / "scorer.js")
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["enlarge.js", "names.js", "tables.js"]
in_section = ["sidebar-collapse", "sidebar-nav-bs"]
html_sidebars = {"*": [], **dict.fromkeys(("backend", "conformance", "support"), in_section)}  # pages on the first level have no neighbours
html_theme_options = {"header_links_before_dropdown": 5, "navigation_with_keys": False, "show_prev_next": True}

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


def as_written(*event: Any) -> tuple[str, Any] | None:
    """Return a signature with the default bounds as its source writes them, or None to leave it."""
    *_, signature, returns = event
    return signature and (signature.replace("=0.125", "=1/8").replace("=0.3333333333333333", "=1/3"), returns)


def to_draw_again(app: Any, env: Any, *_: Any) -> list[str]:
    """Remove the plots that are older than a result, and return the pages with plots: Sphinx compares a plot with its script alone."""
    newest = max(path.stat().st_mtime for path in (Path(app.srcdir).parent / "benchmarks" / "results").glob("*.json"))
    old = [plot for plot in Path(app.doctreedir).parent.glob("plot_directive/**/*.svg") if plot.stat().st_mtime < newest]
    for plot in old:
        plot.unlink()
    return [page for page in env.found_docs if old and "plot::" in Path(env.doc2path(page)).read_text(encoding="utf-8")]


def setup(app: Any) -> None:
    """Make it known to Sphinx."""
    app.connect("env-get-outdated", to_draw_again)
    app.add_html_math_renderer("mathml", inline_renderers=math(False), block_renderers=math(True))
    app.connect("autodoc-process-signature", as_written)

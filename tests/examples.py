"""Run every example of the docstrings, of README.md and of the site: ``python -m pytest -p tests.examples src README.md docs``."""

from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

ROOT = str(Path(__file__).parents[1])
FLAGS = ELLIPSIS | NORMALIZE_WHITESPACE

docstrings = Sybil([DocTestParser(FLAGS)], path=ROOT, pattern="*.py", document_types={".py": PythonDocStringDocument})
pages = Sybil([PythonCodeBlockParser(doctest_optionflags=FLAGS), SkipParser()], path=ROOT, pattern="*.md")
pytest_collect_file = (docstrings + pages).pytest()

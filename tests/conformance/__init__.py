"""The conformance suite: its runs on the libraries, and the wrong backends that it must reject."""

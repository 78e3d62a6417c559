"""The suite on array-api-strict, which has the standard's functions and no others."""

from multirrelu_conformance import Suite


class TestStrict(Suite):
    namespace = "array_api_strict"

import my_backend

from multirrelu_conformance import Suite


class TestMistake(Suite):
    namespace = "numpy"
    scale = my_backend.looks_at_the_values

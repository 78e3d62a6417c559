import my_backend

from multirrelu_conformance import suite_for


class TestMistake(suite_for("numpy")):
    backend = my_backend.looks_at_the_values

import my_backend

from multirrelu_conformance import suite_for


class TestMine(suite_for("numpy")):
    backend = my_backend.scale

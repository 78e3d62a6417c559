"""The suite of `stranger`: how to convert its arrays, and the missing capabilities."""

import stranger

from multirrelu_conformance import Suite


class StrangerSuite(Suite):
    namespace = "stranger"
    samples = 1 << 18
    lacks = {
        "float16": "stranger has no float16",
        "bfloat16": "stranger has no bfloat16",
        "views": "stranger does not permute axes",
        "aliasing": "stranger does not permute axes",
        "read_only": "arrays of stranger are always writeable",
        "second_device": "arrays of stranger have no device",
        "uint64_keys": "stranger has no uint64",
        "autograd": "stranger has no derivatives",
        "second_order": "stranger has no derivatives",
    }

    def to_numpy(self, array):
        return array._elements

    def generator(self, seed):
        return stranger.Generator(seed)

    def seed_global(self, seed):
        stranger.seed(seed)

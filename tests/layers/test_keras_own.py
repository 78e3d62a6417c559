"""The Keras layer under the checks that Keras runs on its own layers, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

if keras.backend.backend() == "numpy":
    pytest.skip("Keras trains nothing in NumPy", allow_module_level=True)

from keras.src.testing import TestCase  # noqa: E402

from multirrelu.layers.keras import RReLU  # noqa: E402

LAYERS = {
    "defaults": {},
    "seed": {"lower": 0.1, "upper": 0.3, "seed": 3},
    "constant": {"lower": 0.2, "upper": 0.2},
    "negative": {"lower": -0.5, "upper": 0.5, "seed": 3},
    "shared": {"shared_axes": (1,), "seed": 3},
    "bfloat16": {"dtype": "bfloat16", "seed": 3},
}


@pytest.mark.filterwarnings(
    "ignore:`shuffle=True` was passed:UserWarning", "ignore:The model does not have any trainable weights:UserWarning"
)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_layer(options, training):
    case = TestCase()
    case.setUp()
    case.run_layer_test(
        RReLU,
        init_kwargs=options,
        input_shape=(2, 3, 4),
        call_kwargs={"training": training},
        expected_output_shape=(2, 3, 4),
        expected_output_dtype=options.get("dtype", "float32"),
        expected_num_trainable_weights=0,
        expected_num_non_trainable_weights=0,
        expected_num_non_trainable_variables=1,
        expected_num_seed_generators=1,
        expected_num_losses=0,
        supports_masking=True,
        expected_mask_shape=None,
        assert_built_after_instantiation=True,
    )

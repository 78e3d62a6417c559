"""The table of mutants: each wrong backend or wrong public function, with the tests that must reject it."""

from __future__ import annotations

import numpy as np

from conformance import wrong_backends as backends
from conformance import wrong_calls, wrong_derivatives, wrong_errors, wrong_indices, wrong_numbers
from conformance import wrong_functions as functions
from conformance.mutant import Mutant, api
from conformance.seams import backend, changed, key_of

AUTOCORRELATION = ("test_autocorrelation", "test_serial_pairs")
ADJACENT = ("test_adjacent_keys", "test_adjacent_keys_are_independent")
SHAPE_OF_THE_LAW = ("test_mean", "test_variance", "test_chi_square", "test_kolmogorov_smirnov")

MUTANTS = {
    "seed ignored": Mutant(("test_integer_is_stateless", "test_many_keys"), ADJACENT, backends.seed_ignored),
    "one slope for the array": Mutant(
        ("test_known_slopes", "test_sizes"), (*SHAPE_OF_THE_LAW, *AUTOCORRELATION), backend(slopes=backends.one_slope)
    ),
    "half the interval": Mutant(("test_known_lattice", "test_many_bounds"), SHAPE_OF_THE_LAW, backend(slopes=backends.half_the_interval)),
    "interval without its upper lattice point": Mutant(
        ("test_known_lattice", "test_many_bounds", "test_slopes_lie_within_bounds"),
        ("test_lattice_points_are_equally_likely",),
        backend(slope=backends.upper_end_left_out),
    ),
    "interval off by one lattice point": Mutant(
        ("test_known_slopes", "test_slopes_lie_within_bounds"), (), backend(slope=backends.one_point_up)
    ),
    "lanes swapped": Mutant(("test_known_words", "test_sizes"), (), backend(index=backends.lanes_swapped)),
    "counter's high word dropped": Mutant(
        ("test_known_words", "test_far_indices"), (), backend(index=backends.high_word_of_counter_dropped)
    ),
    "index of 32 bits": Mutant(("test_far_indices", "test_far_indices_are_not_near_ones"), (), backend(index=backends.index_of_32_bits)),
    "key's high word dropped": Mutant(("test_known_words", "test_many_keys"), ADJACENT, backend(key=lambda key: key_of(key) & 0xFFFFFFFF)),
    "array keys of 32 bits": Mutant(
        ("test_many_array_keys",), (), backend(key=lambda key: key if isinstance(key, int) else int(key) & 0xFFFFFFFF)
    ),
    "slopes repeated every 64": Mutant(("test_sizes", "test_far_indices"), AUTOCORRELATION, backend(index=backends.repeated_every(64))),
    "slopes repeated every 65536": Mutant(("test_tile_boundaries",), AUTOCORRELATION, backend(index=backends.repeated_every(65536))),
    "offset ignored": Mutant(("test_chunks_are_the_whole", "test_far_indices"), (), backend(slopes=changed(offset=0))),
    "strides ignored": Mutant(("test_strides", "test_shared_axes", "test_boxes_are_the_whole"), (), backend(slopes=changed(strides=None))),
    "index in the order of memory": Mutant(
        ("test_dtypes_and_layouts", "test_large_and_strided"), (), backend(index=backends.in_memory_order)
    ),
    "rows start a new block": Mutant(("test_rows_shorter_and_longer_than_a_tile",), (), backend(index=backends.rows_start_a_new_block)),
    "seven rounds": Mutant(("test_known_words", "test_known_digest_of_slopes"), (), backend(word=backends.seven_rounds)),
    "low bits of the word dropped": Mutant(("test_known_words",), (), backend(word=backends.low_bits_dropped)),
    "lattice points counted in float32": Mutant(
        ("test_known_words", "test_known_slopes", "test_many_bounds"), (), backend(slope=backends.points_counted_in_float32)
    ),
    "slopes in floating point": Mutant(("test_known_slopes", "test_many_bounds"), (), backend(slope=backends.floating_point_slope)),
    "slopes of another law": Mutant(("test_known_slopes",), SHAPE_OF_THE_LAW, backend(slope=backends.squared)),
    "slopes that no key rules": Mutant(("test_integer_is_stateless", "test_finite_differences"), (), backend(word=backends.from_nothing)),
    "slope rounded to the dtype first": Mutant(
        ("test_known_values", "test_negative_values_are_rounded_once"), (), backend(product=backends.slope_rounded_first)
    ),
    "half precision by way of double": Mutant(("test_large",), (), backend(product=backends.in_the_own_dtype)),
    "double by way of float32": Mutant(("test_known_values", "test_finite_differences"), (), backend(product=backends.all_in_float32)),
    "fast-math product": Mutant(("test_known_values", "test_sizes"), (), backend(product=backends.fast_math)),
    "truncated product": Mutant(("test_known_values",), (), backend(product=backends.truncated)),
    "constant slope in float32": Mutant(
        ("test_evaluation_constant_is_rounded_once",), (), backend(constant=lambda slope: np.float64(np.float32(slope)))
    ),
    "strict instead of non-strict predicate": Mutant(
        ("test_zeros", "test_factor_at_zero", "test_values_and_gate_apart"), (), backend(is_scaled=backends.strict)
    ),
    "gate from the sign bit": Mutant(("test_values_and_gate_apart", "test_factor_at_zero"), (), backend(is_scaled=backends.by_sign_bit)),
    "gate from values": Mutant(
        ("test_values_and_gate_apart", "test_cotangent", "test_scale_is_the_tangent_map"), (), backend(is_scaled=backends.by_values)
    ),
    "NaN taken for negative": Mutant(
        ("test_values_and_gate_apart", "test_factor_is_the_slope_drawn"), (), backend(is_scaled=backends.not_positive)
    ),
    "NaN zeroed": Mutant(("test_nan_passes",), (), backend(kept=backends.nan_to_zero)),
    "out ignored": Mutant(("test_out", "test_inplace"), (), backend(write=backends.out_ignored)),
    "out not returned": Mutant(("test_out", "test_inplace"), (), backend(write=backends.out_not_returned)),
    "input overwritten": Mutant(("test_input_is_unchanged",), (), backend(write=backends.input_overwritten)),
    "tail of a block not written": Mutant(("test_sizes", "test_tile_boundaries"), (), backend(write=backends.tail_not_written)),
    "written before the gate is read": Mutant(("test_out_is_an_input",), (), backends.written_before_the_gate_is_read),
    "result of another dtype": Mutant(("test_dtypes_and_layouts",), (), backends.wrong_dtype),
    "bounds swapped silently": Mutant(
        ("test_bad_bounds", "test_bad_bounds_when_writing"), api=api(rrelu=functions.bounds_swapped_silently)
    ),
    "evaluation in float32": Mutant(("test_evaluation_constant_is_rounded_once",), api=api(rrelu=functions.evaluation_in_float32)),
    "evaluation with the geometric mean": Mutant(("test_evaluation",), api=api(rrelu=functions.evaluation_is_the_geometric_mean)),
    "evaluation draws a key": Mutant(("test_evaluation_takes_no_key",), api=api(rrelu=functions.evaluation_draws_a_key)),
    "no key for equal bounds": Mutant(("test_one_key_a_call",), api=api(rrelu=functions.no_key_for_equal_bounds)),
    "no key for positive data": Mutant(("test_one_key_a_call",), api=api(rrelu=functions.no_key_for_positive_data)),
    "None is key 0": Mutant(("test_none_is_another_key_each_time",), api=api(rrelu=functions.none_is_key_zero)),
    "shared axes count all elements": Mutant(("test_shared_axes",), api=api(rrelu=functions.shared_axes_count_all_elements)),
    "written before checked": Mutant(("test_bad_bounds_when_writing",), api=api(rrelu=functions.writes_before_it_checks)),
    "drawn before checked": Mutant(("test_bad_bounds", "test_bad_shared_axes"), api=api(rrelu=functions.draws_before_it_checks)),
    "gradient drawn afresh": Mutant(
        ("test_factor_is_the_slope_drawn", "test_finite_differences"), api=api(rrelu_vjp=functions.gradient_drawn_afresh)
    ),
    "gate from the output's sign bit": Mutant(("test_factor_at_zero",), api=api(rrelu_vjp=functions.gate_from_the_sign_bit_of_the_output)),
    "gate from the output with negative slopes": Mutant(
        ("test_factor_is_the_slope_drawn",), api=api(rrelu_vjp=functions.gate_from_the_output_always)
    ),
    "gate from the cotangent": Mutant(("test_factor_is_the_slope_drawn",), api=api(rrelu_vjp=functions.gate_from_the_cotangent)),
    "input forgotten under another name": Mutant(
        ("test_factor_after_inplace",), api=api(rrelu_vjp=functions.input_forgotten_under_another_name)
    ),
    "pullback ignores out": Mutant(("test_pullback_out",), api=api(rrelu_vjp=functions.pullback_ignores_out)),
    "gradient of evaluation": Mutant(
        ("test_finite_differences", "test_factor_is_the_slope_drawn"), api=api(rrelu_vjp=functions.gradient_of_evaluation)
    ),
}
for topic in (wrong_calls, wrong_derivatives, wrong_errors, wrong_indices, wrong_numbers):
    MUTANTS |= topic.MUTANTS

HONEST = {
    "in small steps": Mutant((), backend=backend(), api=api(scale_at=wrong_indices.right)),
    "pullback in small steps": Mutant(functions.OF_THE_PULLBACK, api=api(rrelu_vjp=functions.right_vjp)),
    **wrong_derivatives.HONEST,
}

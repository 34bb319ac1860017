"""What ``pytest -m quick`` runs: of every package a value against its oracle, and the boundaries, structure, errors.

A file's tests; a file without any is run whole. A name that is in no file is an error of the collection.
"""

from __future__ import annotations

QUICK: dict[str, tuple[str, ...]] = {
    # The package as a whole
    "test_structure.py": (),
    "test_everyday.py": (),
    "test_errors.py": (),
    "test_documentation.py": (
        "test_every_public_name_is_documented",
        "test_every_public_function_describes_its_arguments_its_result_and_shows_an_example",
        "test_every_public_method_is_documented",
        "test_the_version_is_the_same_everywhere",
    ),
    # Rows of probabilities and logits
    "test_logits.py": ("test_values_and_gradients", "test_entropy"),
    "test_probs.py": ("test_values_and_gradients_keep_their_digits",),
    "test_boundaries.py": (
        "test_gradients_tend_to_the_gradient_at_the_boundary",
        "test_kl_is_exactly_infinite_where_q_misses_mass",
        "test_kl_of_measures_is_the_generalised_one",
    ),
    "test_generators.py": ("test_the_forms_are_those_of_the_textbook", "test_the_limits_are_those_of_the_textbook"),
    "test_special.py": ("test_values_on_a_dense_sweep",),
    "test_joint.py": ("test_perplexity", "test_information_between_blocks_of_a_normal_vector"),
    "test_hidden.py": ("test_values_and_gradients", "test_parts_join_however_rows_are_cut"),
    "test_topk.py": ("test_values_masses_and_gradients",),
    "test_sequences.py": ("test_values_of_tokens",),
    "test_kl_ball.py": ("test_the_worst_case_is_the_textbooks",),
    # Distributions
    "test_families.py": ("test_kl_and_its_gradient",),
    "test_families_discrete.py": ("test_kl_and_its_gradient",),
    "test_families_continuous.py": ("test_kl_and_its_gradient",),
    "test_quantiles.py": ("test_cdf_and_quantile_are_the_formula",),
    "test_expfam.py": ("test_values_and_gradients_at_every_distance",),
    "test_bregman.py": ("test_named_divergences_against_their_definitions",),
    "test_bregman_matrix.py": ("test_matrix_divergences_keep_their_digits_at_every_distance",),
    "test_bounds.py": ("test_durrieu_is_the_sum_of_the_textbook",),
    "test_quadrature.py": (
        "test_values_lie_within_a_useful_bound",
        "test_near_equal_densities_keep_relative_accuracy",
        "test_bad_arguments",
    ),
    "test_interop.py": ("test_scipy",),
    # Draws, counts and tables
    "test_montecarlo.py": ("test_estimators_of_kl_are_the_textbook_ones", "test_bad_input_names_the_argument"),
    "test_estimate.py": ("test_equal_distributions_are_exactly_no_distance_apart", "test_supports_that_differ"),
    "test_psis.py": ("test_it_is_the_published_algorithm",),
    "test_counts.py": ("test_entropy_is_the_formula", "test_kl_is_zhang_and_grabchaks"),
    "test_samples.py": ("test_functionals_are_means_of_generators", "test_bad_input"),
    "test_nearest.py": ("test_neighbours_are_the_nearest",),
    "test_models.py": ("test_distribution_functions_are_those_of_scipy",),
    "test_tables_profile.py": (),
    # Fits
    "test_variational.py": ("test_a_gaussian_target_is_found_exactly",),
    "test_geometry.py": ("test_a_family_is_fitted_with_quadratic_convergence",),
    "test_fit.py": ("test_nothing_is_likelier_than_the_fit",),
    "test_testing.py": ("test_the_common_formulas_are_caught",),
    "test_plot.py": ("test_importing_it_does_not_load_matplotlib", "test_levels_hold_their_shares"),
}

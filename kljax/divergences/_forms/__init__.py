"""All that is known of two distributions. Where is what:

| file | KL between, and whose |
|---|---|
| ``whole_line`` | Cauchy, Gumbel, Laplace, Moyal, Normal, each with its own kind |
| ``half_line`` | Chi, Chi2, Exponential, **Gamma**, HalfCauchy, HalfNormal, InverseGamma, InverseGaussian, Lindley, LogNormal, LogUniform, Pareto, Rayleigh, Weibull |
| ``interval`` | Beta, ContinuousBernoulli, Kumaraswamy, LogitNormal, TruncatedNormal, Uniform |
| ``integers`` | Binomial, DiscreteUniform, Geometric, Logarithmic, NegativeBinomial, Poisson, Zipf |
| ``trials`` | Bernoulli; waiting times, of which geometric ones are made |
| ``outcomes`` | Categorical, OneHotCategorical; the rows of ``probs`` and ``logits`` that two such are |
| ``simplex`` | Dirichlet (and Beta), GeneralizedDirichlet, MultivariateLogitNormal |
| ``count_vectors`` | Multinomial, DirichletMultinomial |
| ``directions`` | VonMises, VonMisesFisher, PowerSpherical, SphericalUniform |
| ``power_spherical_fisher`` | PowerSpherical ‖ VonMisesFisher |
| ``vectors_and_matrices`` | MultivariateNormal, ComplexNormal, MatrixNormal, Wishart, InverseWishart, NormalGamma, NormalInverseWishart, LKJ |
| ``covariances`` | what the multivariate normal takes: two covariances, by the form in which they are known |
| ``cross_line``, ``cross_half_line``, ``cross_interval`` | between two families, by the support of q |
| ``cross_moments`` | what these share: moments of p in the density of q |

| file | other divergences |
|---|---|
| ``lines`` | the line through two members of an exponential family, and its elements |
| ``lines_of_one``, ``lines_of_matrices`` | the lines of families that take more than one of these |
| ``exponential_families`` | the line of each pair, ``LINES``; where both must share a parameter, ``SHARED`` |
| ``renyi_and_chernoff`` | what follows from a line: α-divergences, Rényi's, Chernoff's information |
| ``total_variation`` | Normal, LogNormal, LogitNormal, HalfNormal |
| ``inner_products`` | KL of all pairs of two batches, as a product of matrices |
| ``table`` | all of these as {(verb, type of p, type of q): form} |

Each file ends with its rows, ``KL = {(P, Q): kl_p_q}``: a new form is a function and a row.
"""  # noqa: E501

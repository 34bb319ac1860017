"""torch's distributions: records of the same parameters, which torch's own densities at its own draws confirm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kljax import families, interop

torch = pytest.importorskip("torch")
LOC, SCALE, A, B = 0.25, 1.5, 2.25, 0.75
HALF = np.float32([0.25, 0.75])
ROWS = np.float32([[2.0, 0.5], [0.5, 1.0]])
TORCH: dict[str, tuple[dict[str, Any], Any]] = {
    "Bernoulli": ({"probs": 0.25}, families.Bernoulli),
    "Beta": ({"concentration1": A, "concentration0": B}, families.Beta),
    "Binomial": ({"total_count": 5, "logits": 0.25}, families.Binomial),
    "Categorical": ({"probs": HALF}, families.Categorical),
    "Cauchy": ({"loc": LOC, "scale": SCALE}, families.Cauchy),
    "Chi2": ({"df": A}, families.Chi2),
    "ContinuousBernoulli": ({"probs": 0.25}, families.ContinuousBernoulli),
    "Dirichlet": ({"concentration": HALF}, families.Dirichlet),
    "Exponential": ({"rate": A}, families.Exponential),
    "FisherSnedecor": ({"df1": A, "df2": B}, families.FisherSnedecor),
    "Gamma": ({"concentration": A, "rate": B}, families.Gamma),
    "Geometric": ({"logits": 0.25}, families.Geometric),
    "Gumbel": ({"loc": LOC, "scale": SCALE}, families.Gumbel),
    "HalfCauchy": ({"scale": SCALE}, families.HalfCauchy),
    "HalfNormal": ({"scale": SCALE}, families.HalfNormal),
    "InverseGamma": ({"concentration": A, "rate": B}, families.InverseGamma),
    "Kumaraswamy": ({"concentration1": A, "concentration0": B}, families.Kumaraswamy),
    "Laplace": ({"loc": LOC, "scale": SCALE}, families.Laplace),
    "LogNormal": ({"loc": LOC, "scale": SCALE}, families.LogNormal),
    "LowRankMultivariateNormal": (
        {"loc": HALF, "cov_factor": HALF[:, None], "cov_diag": HALF},
        families.MultivariateNormal,
    ),
    "Multinomial": ({"total_count": 4, "probs": HALF}, families.Multinomial),
    "MultivariateNormal": ({"loc": HALF, "covariance_matrix": ROWS}, families.MultivariateNormal),
    "NegativeBinomial": ({"total_count": 4.0, "probs": 0.25}, families.NegativeBinomial),
    "Normal": ({"loc": LOC, "scale": SCALE}, families.Normal),
    "OneHotCategorical": ({"probs": HALF}, families.OneHotCategorical),
    "Pareto": ({"scale": B, "alpha": A}, families.Pareto),
    "Poisson": ({"rate": A}, families.Poisson),
    "StudentT": ({"df": 3.5, "loc": LOC, "scale": SCALE}, families.StudentT),
    "Uniform": ({"low": -LOC, "high": SCALE}, families.Uniform),
    "VonMises": ({"loc": LOC, "concentration": A}, families.VonMises),
    "Weibull": ({"scale": SCALE, "concentration": A}, families.Weibull),
    "Wishart": ({"df": 4.0, "covariance_matrix": ROWS}, families.Wishart),
}


@pytest.mark.filterwarnings("ignore:Singular sample")
@pytest.mark.parametrize("name", TORCH)
def test_the_density_is_torchs(name: str) -> None:
    parameters, kind = TORCH[name]
    held = {key: one if key == "total_count" else torch.tensor(one) for key, one in parameters.items()}
    theirs = getattr(torch.distributions, name)(**held)
    if name in ("Bernoulli", "Categorical", "Geometric"):
        _ = theirs.logits, theirs.probs  # what is computed stays beside what was given
    record = interop.convert(theirs)
    assert type(record) is kind
    torch.manual_seed(0)
    draws = theirs.sample((5,))
    exact = theirs.log_prob(draws).numpy()
    np.testing.assert_allclose(record.log_prob(draws.numpy()), exact, rtol=2e-4, atol=2e-5)


def test_what_torch_wraps() -> None:
    t = torch.distributions
    loc = torch.tensor([0.0, 1.0], requires_grad=True)
    assert interop.convert(t.Independent(t.Normal(loc, 1.0), 1)).event_shape == (2,)
    steps = [t.AffineTransform(1.0, 2.0), t.ExpTransform()]
    image = interop.convert(t.TransformedDistribution(t.Laplace(0.0, 1.0), steps))
    exact = families.Laplace(1.0, 2.0).log_prob(np.log(3.0)) - np.log(3.0)
    np.testing.assert_allclose(image.log_prob(3.0), exact, rtol=1e-5)
    mixed = t.MixtureSameFamily(t.Categorical(torch.tensor([0.25, 0.75])), t.Normal(torch.tensor([0.0, 2.0]), 1.0))
    np.testing.assert_allclose(interop.convert(mixed).log_prob(0.5), mixed.log_prob(torch.tensor(0.5)), rtol=1e-5)
    with pytest.raises(NotImplementedError, match="torch's LogitRelaxedBernoulli has no counterpart"):
        interop.convert(t.RelaxedBernoulli(torch.tensor(0.5), probs=torch.tensor(0.3)))

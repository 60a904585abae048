"""What trainings amount to together: against Opacus, and against what can be said without it."""

from __future__ import annotations

import math

import pytest
from opacus.accountants import (  # type: ignore[import-untyped]  # it ships no types
    PRVAccountant,
    RDPAccountant,
)
from scipy.optimize import brentq  # type: ignore[import-untyped]  # as above
from scipy.stats import norm  # type: ignore[import-untyped]  # as above

from visdm.compute.accounting import ORDERS, Sampling, epsilon, spending
from visdm.errors import JobError

DELTA = 1e-5
SAMPLINGS = (Sampling(0.05, 200), Sampling(0.1, 90), Sampling(0.5, 24))


def exact(noise: float, releases: int) -> float:
    """Return the least epsilon of the Gaussian mechanism (Balle and Wang 2018, theorem 8)."""
    mean = math.sqrt(releases) / noise

    def beyond(eps: float) -> float:
        first = norm.cdf(mean / 2 - eps / mean)
        return float(first - math.exp(eps) * norm.cdf(-mean / 2 - eps / mean)) - DELTA

    return float(brentq(beyond, 0, 100))


@pytest.mark.parametrize(("noise", "releases"), [(4.0, 1), (8.0, 10), (20.0, 100), (2.0, 5)])
def test_without_sampling_it_is_the_gaussian_mechanism(noise: float, releases: int) -> None:
    found = epsilon([Sampling(1.0, releases)], noise, DELTA)
    assert exact(noise, releases) <= found <= 1.25 * exact(noise, releases)
    # What the divergence of the closed form gives at the best order, whole or not.
    closed = min(
        releases * a / (2 * noise**2) + math.log1p(-1 / a) - math.log(DELTA * a) / (a - 1)
        for a in ORDERS
    )
    assert found == pytest.approx(closed, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Optimal order is the")  # of Opacus' own orders
@pytest.mark.parametrize("noise", [0.6, 0.9, 1.5, 4.0])
def test_it_agrees_with_opacus_own_accountants(noise: float) -> None:
    opacus, tight = RDPAccountant(), PRVAccountant()
    steps = [(noise, sampling.rate, sampling.steps) for sampling in SAMPLINGS]
    opacus.history = list(steps)
    tight.history = list(steps)
    found = epsilon(SAMPLINGS, noise, DELTA)
    assert found == pytest.approx(opacus.get_epsilon(DELTA), rel=0.03)
    assert found >= tight.get_epsilon(DELTA)


def test_the_promise_holds_for_all_trainings_of_an_asset_together() -> None:
    kept = {1: 300, 2: 500, 3: 0}
    trainings = [(1,), (2,), (1, 2)]
    spent = spending(trainings, kept, batch=50, epochs=4, stated=(4_000, DELTA))
    mine = {
        asset: epsilon(
            [Sampling.of(sum(kept[a] for a in c), 50, 4) for c in trainings if asset in c],
            spent.noise,
            DELTA,
        )
        for asset in (1, 2)
    }
    assert mine[1] > mine[2]  # an image of a small asset is drawn more often
    assert spent.epsilon == math.ceil(1_000 * mine[1])
    assert 3_950 < spent.epsilon <= 4_000
    alone = spending([(1, 2)], kept, batch=50, epochs=4, stated=(4_000, DELTA))
    assert alone.noise < 0.8 * spent.noise


def test_a_generous_statement_is_reached_with_less() -> None:
    spent = spending([(1,)], {1: 50_000}, batch=64, epochs=1, stated=(1_000_000, DELTA))
    assert 0 < spent.epsilon < 1_000_000


def test_what_no_noise_can_keep_is_refused() -> None:
    with pytest.raises(JobError, match="no noise makes this training as private"):
        spending([(1,)], {1: 60}, batch=64, epochs=1_000, stated=(1, 1e-12))

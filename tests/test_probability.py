"""The formulas against torch.distributions, quadrature and 50-digit arithmetic."""

import math

import mpmath
import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence

from course_lib.probability import (
    entropy,
    importance_bound,
    js_divergence,
    kl_categorical,
    kl_gaussian,
    kl_to_standard_normal,
)
from tests.lessons import solution

DOUBLE = torch.float64


def simplex(*shape, seed=0):
    logits = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    return (2 * logits).softmax(-1)


def gaussians(seed=0, batch=5, dim=3):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, dim, generator=generator, dtype=DOUBLE) * 1.5 for _ in range(4)]


@pytest.mark.parametrize("seed", range(5))
def test_categorical_against_torch_distributions(seed):
    p, q = simplex(4, 3, 7, seed=seed), simplex(4, 3, 7, seed=seed + 100)
    one, other = Categorical(p), Categorical(q)
    mixture = Categorical((p + q) / 2)
    js = (kl_divergence(one, mixture) + kl_divergence(other, mixture)) / 2
    torch.testing.assert_close(entropy(p), one.entropy(), rtol=1e-12, atol=0)
    torch.testing.assert_close(kl_categorical(p, q), kl_divergence(one, other), rtol=1e-12, atol=0)
    torch.testing.assert_close(js_divergence(p, q), js, rtol=1e-11, atol=0)


def test_categorical_at_the_border_of_the_simplex():
    certain, other = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    assert entropy(certain) == 0
    assert kl_categorical(certain, certain) == 0
    assert kl_categorical(certain, other) == math.inf
    assert js_divergence(certain, other).item() == pytest.approx(math.log(2), rel=1e-6)


def test_js_is_symmetric_and_stays_in_its_range():
    p = simplex(1000, 5).float()
    q = (p + 1e-4 * simplex(1000, 5, seed=1).float()) / 1.0001
    for one, other in [(p, q), (p, p), (p.eq(p.amax(-1, True)).float(), p.flip(-1))]:
        js = js_divergence(one, other)
        assert torch.equal(js, js_divergence(other, one))
        assert (js >= 0).all() and (js <= math.log(2)).all()


def test_categorical_broadcasts_over_the_batch():
    p, q = simplex(4, 7), simplex(7, seed=1)
    assert torch.equal(kl_categorical(p, q), kl_categorical(p, q.expand(4, 7)))


@pytest.mark.parametrize("divergence", [kl_categorical, js_divergence])
def test_different_numbers_of_outcomes_are_an_error(divergence):
    with pytest.raises(ValueError, match=r"got \(4, 7\) and \(4, 1\)"):
        divergence(simplex(4, 7), torch.ones(4, 1))  # would broadcast, and mean nothing


@pytest.mark.parametrize("seed", range(5))
def test_gaussian_against_torch_distributions(seed):
    mean_q, log_var_q, mean_p, log_var_p = gaussians(seed)
    q, p = Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
    expected = kl_divergence(q, p).sum(-1)
    kl = kl_gaussian(mean_q, log_var_q, mean_p, log_var_p)
    torch.testing.assert_close(kl, expected, rtol=1e-12, atol=0)


def test_gaussian_against_quadrature():
    mean_q, log_var_q, mean_p, log_var_p = gaussians(seed=9, batch=4, dim=1)
    q, p = Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
    x = mean_q + q.scale * torch.linspace(-12, 12, 4001, dtype=DOUBLE)
    integrand = q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x))
    expected = torch.trapezoid(integrand, x)
    kl = kl_gaussian(mean_q, log_var_q, mean_p, log_var_p)
    torch.testing.assert_close(kl, expected, rtol=1e-10, atol=1e-12)


def test_the_standard_normal_is_the_special_case():
    mean, log_var, *_ = gaussians(seed=3)
    zero = torch.zeros_like(mean)
    assert torch.equal(kl_to_standard_normal(mean, log_var), kl_gaussian(mean, log_var, zero, zero))


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-3, 0.05, 0.29, 0.31, 1.0, 10.0, 40.0])
def test_no_digit_is_lost_at_any_log_var(dtype, scale):
    log_var = torch.tensor([[scale], [-scale], [0.7 * scale]], dtype=dtype)
    with mpmath.workdps(50):
        exact = [(mpmath.expm1(v) - v) / 2 for v in map(mpmath.mpf, log_var[:, 0].tolist())]
        expected = torch.tensor([float(value) for value in exact], dtype=dtype)
    kl = kl_to_standard_normal(torch.zeros_like(log_var), log_var)
    # at 0.3, where the series ends, expm1(x) - x has lost three bits: so 16 roundings, not 2
    torch.testing.assert_close(kl, expected, rtol=16 * torch.finfo(dtype).eps, atol=0)


def test_the_general_formula_is_finite_between_extremes():
    log_var = torch.tensor([[40.0], [-40.0]])
    zero = torch.zeros_like(log_var)
    assert kl_gaussian(zero, log_var, zero, -log_var).isfinite().all()
    assert (kl_gaussian(zero + 3, log_var, zero + 3, log_var) == 0).all()


@pytest.mark.parametrize("scale", [0.0, 1e-9, 0.2, 0.3, 5.0, 40.0])
def test_gradients_are_exact_and_finite(scale):
    mean = torch.tensor([[0.5], [-2.0]], dtype=DOUBLE, requires_grad=True)
    log_var = torch.tensor([[scale], [-scale]], dtype=DOUBLE, requires_grad=True)
    kl_to_standard_normal(mean, log_var).sum().backward()
    torch.testing.assert_close(mean.grad, mean.detach())
    expected = torch.expm1(log_var.detach()) / 2
    torch.testing.assert_close(log_var.grad, expected, rtol=1e-14, atol=0)


def test_shapes_that_would_broadcast_are_an_error():
    with pytest.raises(ValueError, match=r"mean and log_var .* \(B, Z\); got \(8, 2\) and \(8,\)"):
        kl_to_standard_normal(torch.zeros(8, 2), torch.zeros(8))
    with pytest.raises(ValueError, match=r"mean_p and log_var_p must share one shape"):
        kl_gaussian(torch.zeros(8, 2), torch.zeros(8, 2), torch.zeros(8, 1), torch.zeros(8, 2))
    with pytest.raises(ValueError, match=r"got \(8,\) and \(8,\)"):
        kl_to_standard_normal(torch.zeros(8), torch.zeros(8))


def log_weights(samples=7, batch=5, level=0.0, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(4)
    return level + 3 * torch.randn(samples, batch, generator=generator, dtype=dtype)


@pytest.mark.parametrize("level", [-1e5, -1000.0, 0.0, 800.0])
def test_the_importance_bound_against_fifty_digits(level):
    weights = log_weights(level=level)
    with mpmath.workdps(50):
        means = [mpmath.fsum(map(mpmath.exp, column)) / 7 for column in weights.T.tolist()]
        expected = torch.tensor([float(mpmath.log(mean)) for mean in means], dtype=DOUBLE)
    torch.testing.assert_close(importance_bound(weights), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("samples, level", [(1, 0.0), (7, -1000.0), (64, 500.0)])
def test_the_lesson_and_the_library_give_one_importance_bound(samples, level, dtype):
    weights = log_weights(samples, level=level, dtype=dtype)
    weights[0, 0] = -math.inf if samples > 1 else level
    torch.testing.assert_close(
        importance_bound(weights), solution("elbo.importance_bound")(weights)
    )


def test_the_importance_bound_of_one_draw_is_its_log_weight():
    weights = log_weights(samples=1)
    assert torch.equal(importance_bound(weights), weights[0])


def test_the_gradient_of_the_importance_bound_are_the_normalized_weights():
    weights = log_weights(level=-300.0).requires_grad_()
    (gradient,) = torch.autograd.grad(importance_bound(weights).sum(), weights)
    torch.testing.assert_close(gradient, weights.softmax(0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(0, 4), (4,), (), (2, 3, 4)])
def test_log_weights_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError, match=r"\(K, B\) with K >= 1 .* got \("):
        importance_bound(torch.zeros(shape))


def test_a_weight_that_is_no_number_is_an_error():
    weights = log_weights()
    weights[2, 3] = weights[0, 0] = math.nan
    with pytest.raises(ValueError, match="2 NaN of 35"):
        importance_bound(weights)
    assert importance_bound(weights.requires_grad_()).isnan().sum() == 2  # a loss shows its own

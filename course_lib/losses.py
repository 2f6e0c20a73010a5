"""Losses of the players of a GAN, and of a cycle: what lessons 08, 11 and 14 derive.

Of logits first, then of scores that are no logits: a critic's, and those of patches.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def value_function(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))] in nats, a scalar: the discriminator ascends it.

    Logits of any two shapes; each group has its own mean. Goodfellow et al. 2014, equation 1.

    >>> value_function(torch.zeros(3), torch.zeros(5))  # D = 1/2 everywhere: -log 4
    tensor(-1.3863)
    """
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Mean of log(1 - D) over the fakes in nats, a scalar that the generator of the game descends.

    Its slope by a logit a is -sigmoid(a): it vanishes where the discriminator is sure of the fake.

    >>> saturating_generator_loss(torch.tensor([-200.0, 200.0]))
    tensor(-100.)
    """
    return F.logsigmoid(-fake_logits).mean()


def nonsaturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Mean of -log D over the fakes in nats, a scalar (Goodfellow et al. 2014, section 3).

    Its slope by a logit a is -sigmoid(-a): near -1 where the discriminator is sure of the fake.

    >>> nonsaturating_generator_loss(torch.tensor([-200.0, 200.0]))
    tensor(100.)
    """
    return -F.logsigmoid(fake_logits).mean()


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[f(fake)] - E[f(real)], a scalar that a Wasserstein critic f descends.

    For the best f with slopes of at most 1 it is minus the Wasserstein distance. Scores of any two
    shapes; each group has its own mean. Arjovsky, Chintala and Bottou 2017, equation 2.

    >>> critic_loss(torch.tensor([3.0, 1.0]), torch.tensor([0.5]))
    tensor(-1.5000)
    """
    return fake_scores.mean() - real_scores.mean()


def wasserstein_generator_loss(fake_scores: Tensor) -> Tensor:
    """-E[f(fake)], a scalar that the generator descends against a Wasserstein critic.

    >>> wasserstein_generator_loss(torch.tensor([1.0, 2.0]))
    tensor(-1.5000)
    """
    return -fake_scores.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """E[(‖∇f(x)‖ - 1)²] at x = mix · real + (1 - mix) · fake, a scalar without its weight.

    `critic` maps `(B, ...)` to scores `(B,)`, each of its own example alone; `real` and `fake` have
    one shape, `mix` is `(B,)` in [0, 1]. Two-sided, differentiable by the critic's weights, and
    nothing is left in any `.grad`. Gulrajani et al. 2017, equation 3.

    Raises ValueError where the shapes do not fit.

    >>> real, fake = torch.ones(4, 2), torch.zeros(4, 2)
    >>> gradient_penalty(lambda x: x @ torch.tensor([3.0, 4.0]), real, fake, torch.rand(4))
    tensor(16.)
    """
    if real.shape != fake.shape or mix.shape != real.shape[:1]:
        shapes = tuple(real.shape), tuple(fake.shape), tuple(mix.shape)
        raise ValueError(f"real and fake must be (B, ...) alike, mix (B,); got {shapes}")
    weight = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(fake, real, weight).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def least_squares_losses(real_scores: Tensor, fake_scores: Tensor) -> tuple[Tensor, Tensor]:
    """½ [mean (real - 1)² + mean fake²] for the discriminator, mean (fake - 1)² for the generator.

    Scores of any two shapes, as of patches; two scalars. Mao et al. 2017, equation 9.

    >>> import torch
    >>> least_squares_losses(torch.tensor([1.0, 3.0]), torch.tensor([0.0]))
    (tensor(1.), tensor(1.))
    """
    judge = ((real_scores - 1).square().mean() + fake_scores.square().mean()) / 2
    return judge, (fake_scores - 1).square().mean()


def cycle_consistency_loss(
    images_a: Tensor, cycled_a: Tensor, images_b: Tensor, cycled_b: Tensor
) -> Tensor:
    """mean |cycled_a - images_a| + mean |cycled_b - images_b|, a scalar (Zhu et al. 2017, eq. 2).

    The identity loss is the same function of other images.

    >>> import torch
    >>> zero, one = torch.zeros(2, 3, 4, 4), torch.ones(5, 3, 4, 4)
    >>> cycle_consistency_loss(zero, zero + 0.5, one, one)
    tensor(0.5000)
    """
    return F.l1_loss(cycled_a, images_a) + F.l1_loss(cycled_b, images_b)

"""Losses of the players of a GAN, and of a cycle: what lessons 08 and 14 derive and others use."""

import torch.nn.functional as F
from torch import Tensor


def value_function(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))] in nats, a scalar: the discriminator ascends it.

    Logits of any two shapes; each group has its own mean. Goodfellow et al. 2014, equation 1.

    >>> import torch
    >>> value_function(torch.zeros(3), torch.zeros(5))  # D = 1/2 everywhere: -log 4
    tensor(-1.3863)
    """
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Mean of log(1 - D) over the fakes in nats, a scalar that the generator of the game descends.

    Its slope by a logit a is -sigmoid(a): it vanishes where the discriminator is sure of the fake.

    >>> import torch
    >>> saturating_generator_loss(torch.tensor([-200.0, 200.0]))
    tensor(-100.)
    """
    return F.logsigmoid(-fake_logits).mean()


def nonsaturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """Mean of -log D over the fakes in nats, a scalar (Goodfellow et al. 2014, section 3).

    Its slope by a logit a is -sigmoid(-a): near -1 where the discriminator is sure of the fake.

    >>> import torch
    >>> nonsaturating_generator_loss(torch.tensor([-200.0, 200.0]))
    tensor(100.)
    """
    return -F.logsigmoid(fake_logits).mean()


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

"""Losses of the two players of a GAN, of logits: what lesson 08 derives and later lessons use."""

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

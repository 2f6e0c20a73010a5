"""Ten wrong answers to each exercise of lesson 09, as a student may write them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F
from torch import nn

from tests.lessons import solution

discriminator_loss = solution("first_gan.discriminator_loss")


def bce(logits, target, **how):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target), **how)


def joined(real, fake, smooth=0.0):
    logits = torch.cat([real, fake])
    targets = torch.cat([torch.full_like(real, 1 - smooth), torch.zeros_like(fake)])
    return F.binary_cross_entropy_with_logits(logits, targets)


def by_logs(real, fake, smooth=0.0):
    real, fake = torch.sigmoid(real), torch.sigmoid(fake)
    smoothed = (1 - smooth) * torch.log(real) + smooth * torch.log(1 - real)
    return -(smoothed.mean() + torch.log(1 - fake).mean())


def by_logs_of_reals_alone_smoothed(real, fake, smooth=0.0):
    return -((1 - smooth) * F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean())


def both_smoothed(real, fake, smooth=0.0):
    return bce(real, 1 - smooth) + bce(fake, smooth)


def half_smoothed(real, fake, smooth=0.0):
    return bce(real, 1 - smooth / 2) + bce(fake, smooth / 2)


def broadcast(real, fake, smooth=0.0):
    real_losses = bce(real, 1 - smooth, reduction="none")
    fake_losses = bce(fake, 0.0, reduction="none")
    return real_losses.mean() + fake_losses


def softplus_swapped(real, fake, smooth=0.0):
    return F.softplus(real).mean() + F.softplus(-fake).mean()


def clamped(real, fake, smooth=0.0):
    real, fake = (torch.sigmoid(x).clamp(1e-7, 1 - 1e-7) for x in (real, fake))
    one = F.binary_cross_entropy(real, torch.full_like(real, 1 - smooth))
    return one + F.binary_cross_entropy(fake, torch.zeros_like(fake))


def squares(real, fake, smooth=0.0):
    return ((real - 1 + smooth) ** 2).mean() + (fake**2).mean()


def squares_of_sigmoid(real, fake, smooth=0.0):
    return ((real.sigmoid() - 1 + smooth) ** 2).mean() + (fake.sigmoid() ** 2).mean()


def hinge(real, fake, smooth=0.0):
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


LOSS = [
    (lambda r, f, smooth=0.0: bce(r, 1 - smooth) + bce(f, 1.0), "fakes_labeled_one"),
    (lambda r, f, smooth=0.0: bce(r, 1.0) + bce(f, 0.0), "smooth_ignored"),
    (lambda r, f, smooth=0.0: (bce(r, 1 - smooth) + bce(f, 0.0)) / 2, "halved"),
    (joined, "one_mean"),
    (by_logs, "overflows"),
    (by_logs_of_reals_alone_smoothed, "only_weighed"),
    (both_smoothed, "two_sided_smoothing"),
    (half_smoothed, "two_sided_smoothing"),
    (broadcast, "still to be reduced"),
    (softplus_swapped, "groups_swapped"),
    (clamped, "probabilities_clamped"),
    (squares, "least_squares"),
    (squares_of_sigmoid, "least_squares"),
    (hinge, "hinge"),
    (
        lambda r, f, smooth=0.0: bce(r, 1 - smooth, reduction="sum") + bce(f, 0.0, reduction="sum"),
        "summed",
    ),
    (
        lambda r, f, smooth=0.0: F.binary_cross_entropy_with_logits(
            r - f.mean(), torch.ones_like(r)
        ),
        None,
    ),
]


class Gen(nn.Module):
    """What all of them begin with."""

    end: type = nn.Tanh

    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__()
        self.image_size = image_size
        self.body = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, 2 * hidden_dim),
            nn.LeakyReLU(0.2),
        )
        self.out = nn.Linear(2 * hidden_dim, image_size**2)
        self.last = self.end()

    def forward(self, z):
        return self.last(self.out(self.body(z))).view(-1, 1, self.image_size, self.image_size)


class GenSigmoid(Gen):
    end = nn.Sigmoid


class GenNothing(Gen):
    end = nn.Identity


class GenReluTanh(Gen):
    def forward(self, z):
        pixels = torch.tanh(F.relu(self.out(self.body(z))))
        return pixels.view(-1, 1, self.image_size, self.image_size)


class GenFlat(Gen):
    def forward(self, z):
        return self.last(self.out(self.body(z)))


class GenNoChannel(Gen):
    def forward(self, z):
        return super().forward(z).squeeze(1)


class GenFixed(Gen):
    def forward(self, z):
        return self.last(self.out(self.body(z))).view(-1, 1, 28, 28)


class GenOutFixed(Gen):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, hidden_dim, 28)


class GenWidthFixed(Gen):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, 128, image_size)


class GenLatentFixed(Gen):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(100, hidden_dim, image_size)


class GenNoActivation(Gen):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, hidden_dim, image_size)
        self.body = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim), nn.Linear(hidden_dim, 2 * hidden_dim)
        )


class GenNormAlongBatch(Gen):
    def forward(self, z):
        h = self.body(z)
        h = (h - h.mean(0)) / (h.std(0, correction=0) + 1e-5)
        return self.last(self.out(h)).view(-1, 1, self.image_size, self.image_size)


class GenWidthNotDoubled(Gen):
    def __init__(self, latent_dim, hidden_dim, image_size):
        super().__init__(latent_dim, hidden_dim, image_size)
        self.out = nn.Linear(hidden_dim, image_size**2)


class GenScaled(Gen):
    def forward(self, z):
        return (super().forward(z) + 1) / 2


class GenClamped(Gen):
    end = nn.Hardsigmoid


class GenOwnNoise(Gen):
    def forward(self, z):
        return super().forward(torch.randn_like(z))


class GenBatchNormOfPixels(Gen):
    def forward(self, z):
        images = super().forward(z)
        return (images - images.mean()) / images.std()


GENERATOR = [
    (GenSigmoid, "sigmoid"),
    (GenNothing, "no_tanh"),
    (GenReluTanh, "relu_before_tanh"),
    (GenFlat, "flat_output"),
    (GenNoChannel, "channel_missing"),
    (GenFixed, "reshaped_to_28"),
    (GenOutFixed, "fixed_image_size"),
    (GenWidthFixed, "fixed_hidden_dim"),
    (GenLatentFixed, "a linear layer for 100 numbers got 8 rows of 5"),
    (GenNoActivation, "no_activation"),
    (GenNormAlongBatch, "batch_statistics"),
    (GenWidthNotDoubled, "a linear layer for 24 numbers got 8 rows of 48"),
    (GenScaled, "sigmoid"),
    (GenClamped, "sigmoid"),
    (GenOwnNoise, "ignores_z"),
    (GenBatchNormOfPixels, None),
]


class Dis(nn.Module):
    def __init__(self, image_size, hidden_dim):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(image_size**2, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, 1),
        )

    def forward(self, images):
        return self.body(images).squeeze(1)


class DisColumn(Dis):
    def forward(self, images):
        return self.body(images)


class DisSigmoid(Dis):
    def forward(self, images):
        return torch.sigmoid(super().forward(images))


class DisSigmoidColumn(Dis):
    def forward(self, images):
        return torch.sigmoid(self.body(images))


class DisMean(Dis):
    def forward(self, images):
        return self.body(images).mean()


class DisSqueeze(Dis):
    def forward(self, images):
        return self.body(images).squeeze()


class DisTwoClasses(Dis):
    def __init__(self, image_size, hidden_dim):
        super().__init__(image_size, hidden_dim)
        self.body[-1] = nn.Linear(hidden_dim, 2)

    def forward(self, images):
        return self.body(images)


class DisNotFlattened(Dis):
    def __init__(self, image_size, hidden_dim):
        super().__init__(image_size, hidden_dim)
        self.body = self.body[1:]


class DisFlattensAll(Dis):
    def forward(self, images):
        return self.body[1:](images.flatten()).squeeze()


class DisLinear(Dis):
    def __init__(self, image_size, hidden_dim):
        super().__init__(image_size, hidden_dim)
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(image_size**2, hidden_dim), nn.Linear(hidden_dim, 1)
        )


class DisFixed(Dis):
    def __init__(self, image_size, hidden_dim):
        super().__init__(28, hidden_dim)


class DisDropout(Dis):
    def forward(self, images):
        return super().forward(F.dropout(images, 0.3))


class DisRelu(Dis):
    def forward(self, images):
        return F.relu(super().forward(images))


class DisLogSigmoid(Dis):
    def forward(self, images):
        return F.logsigmoid(super().forward(images))


class DisWidthFixed(Dis):
    def __init__(self, image_size, hidden_dim):
        super().__init__(image_size, 256)


class DisSoftmaxOverBatch(Dis):
    def forward(self, images):
        return super().forward(images).softmax(0)


DISCRIMINATOR = [
    (DisColumn, "unit_kept"),
    (DisSigmoid, "sigmoid_output"),
    (DisSigmoidColumn, "unit_kept"),
    (DisMean, "batch_averaged"),
    (DisSqueeze, "squeezed"),
    (DisTwoClasses, "two_classes"),
    (DisNotFlattened, "flatten_forgotten"),
    (DisFlattensAll, "batch_flattened"),
    (DisLinear, "no_activation"),
    (DisFixed, "fixed_image_size"),
    (DisDropout, "dropout_in_eval"),
    (DisRelu, "rectified_output"),
    (DisLogSigmoid, "never_positive"),
    (DisWidthFixed, "fixed_hidden_dim"),
    (DisSoftmaxOverBatch, "each example is treated on its own"),
]


def step(loss_of, calls="zbs", result=lambda loss: loss.detach()):
    """A step on `loss_of(*networks, *batches)`, as people write it."""

    def answer(generator, discriminator, optimizer, *batches):
        loss = loss_of(generator, discriminator, *batches)
        for letter in calls:
            {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}[letter]()
        return result(loss)

    return answer


def right_d(generator, discriminator, real, noise):
    fake = generator(noise).detach()
    return discriminator_loss(discriminator(real), discriminator(fake))


def d_not_detached(generator, discriminator, real, noise):
    return discriminator_loss(discriminator(real), discriminator(generator(noise)))


def d_swapped(generator, discriminator, real, noise):
    fake = generator(noise).detach()
    return discriminator_loss(discriminator(fake), discriminator(real))


def d_smoothed(generator, discriminator, real, noise):
    fake = generator(noise).detach()
    return discriminator_loss(discriminator(real), discriminator(fake), 0.1)


def d_fakes_only(generator, discriminator, real, noise):
    return bce(discriminator(generator(noise).detach()), 0.0)


def d_own_noise(generator, discriminator, real, noise):
    fake = generator(torch.randn(len(real), noise.shape[1])).detach()
    return discriminator_loss(discriminator(real), discriminator(fake))


def d_judged_together(generator, discriminator, real, noise):
    fake = generator(noise).detach()
    logits = discriminator(torch.cat([real, fake]))
    return joined(logits[: len(real)], logits[len(real) :])


def d_logits_detached(generator, discriminator, real, noise):
    return discriminator_loss(discriminator(real), discriminator(generator(noise)).detach())


def d_in_eval(generator, discriminator, real, noise):
    generator.eval()
    fake = generator(noise).detach()
    return discriminator_loss(discriminator(real), discriminator(fake))


def d_frozen(generator, discriminator, real, noise):
    generator.requires_grad_(False)
    return d_not_detached(generator, discriminator, real, noise)


def d_noise_as_image(generator, discriminator, real, noise):
    fake = torch.randn_like(real)
    return discriminator_loss(discriminator(real), discriminator(fake))


def d_real_twice(generator, discriminator, real, noise):
    return discriminator_loss(discriminator(real), discriminator(real))


def d_sigmoid(generator, discriminator, real, noise):
    fake = generator(noise).detach()
    return discriminator_loss(discriminator(real).sigmoid(), discriminator(fake).sigmoid())


def no_grad_over_both(generator, discriminator, real, noise):
    with torch.no_grad():
        fake_logits = discriminator(generator(noise))
    return discriminator_loss(discriminator(real), fake_logits)


def twice(generator, discriminator, optimizer, real, noise):
    fake = generator(noise).detach()
    optimizer.zero_grad()
    real_loss = bce(discriminator(real), 1.0)
    real_loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    fake_loss = bce(discriminator(fake), 0.0)
    fake_loss.backward()
    optimizer.step()
    return (real_loss + fake_loss).detach()


D_STEP = [
    (step(d_not_detached), "not_detached"),
    (step(right_d, "bs"), "zero_grad_forgotten"),
    (step(right_d, "bzs"), "nothing_moves"),
    (step(d_swapped), "groups_swapped"),
    (step(d_smoothed), "smoothed"),
    (step(d_fakes_only), "fakes_alone"),
    (step(d_own_noise), "own_noise"),
    (step(d_judged_together), "one_mean"),
    (step(d_logits_detached), "fake_logits_cut_off"),
    (step(no_grad_over_both), "fake_logits_cut_off"),
    (step(d_in_eval), "generator_left_in_eval"),
    (step(d_frozen), "generator_left_frozen"),
    (step(d_noise_as_image), "own_noise"),
    (step(d_real_twice), "reals_as_fakes"),
    (step(d_sigmoid), "sigmoid_twice"),
    (twice, "two_steps"),
    (step(right_d, result=lambda loss: None), "got None"),
    (lambda g, d, o, real, noise: o.step(right_d(g, d, real, noise)), "your code raised"),
]


def right_g(generator, discriminator, noise):
    return F.softplus(-discriminator(generator(noise))).mean()


def g_detached(generator, discriminator, noise):
    return bce(discriminator(generator(noise).detach()), 1.0)


def g_label_fake(generator, discriminator, noise):
    return bce(discriminator(generator(noise)), 0.0)


def g_saturating(generator, discriminator, noise):
    return torch.log(1 - torch.sigmoid(discriminator(generator(noise)))).mean()


def g_no_log(generator, discriminator, noise):
    return -torch.sigmoid(discriminator(generator(noise))).mean()


def g_wasserstein(generator, discriminator, noise):
    return -discriminator(generator(noise)).mean()


def g_plus(generator, discriminator, noise):
    return F.logsigmoid(discriminator(generator(noise))).mean()


def g_both(generator, discriminator, noise):
    logits = discriminator(generator(noise))
    return discriminator_loss(logits, logits)


def g_no_grad(generator, discriminator, noise):
    with torch.no_grad():
        logits = discriminator(generator(noise))
    return bce(logits, 1.0)


def g_sum(generator, discriminator, noise):
    return F.softplus(-discriminator(generator(noise))).sum()


def g_own_noise(generator, discriminator, noise):
    return right_g(generator, discriminator, torch.randn(64, noise.shape[1]))


def g_image(generator, discriminator, noise):
    images = generator(noise)
    return F.binary_cross_entropy_with_logits(images, torch.ones_like(images))


def g_log_of_sigmoid(generator, discriminator, noise):
    return -torch.log(torch.sigmoid(discriminator(generator(noise)))).mean()


def g_smoothed(generator, discriminator, noise):
    return bce(discriminator(generator(noise)), 0.9)


def cleared(answer):
    """The discriminator's gradients are cleared behind the step, as the text allows."""

    def clean(generator, discriminator, *rest):
        result = answer(generator, discriminator, *rest)
        discriminator.zero_grad()
        return result

    return clean


def frozen_judge(generator, discriminator, optimizer, noise):
    discriminator.requires_grad_(False)
    return step(right_g)(generator, discriminator, optimizer, noise)


def judge_steps_too(generator, discriminator, optimizer, noise):
    loss = right_g(generator, discriminator, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.optim.SGD(discriminator.parameters(), lr=0.01).step()
    return loss.detach()


G_STEP = [
    (step(right_g), "gradients_left_in_discriminator"),
    (cleared(step(right_g, "bs")), "zero_grad_forgotten"),
    (step(g_detached), "detached"),
    (cleared(step(g_label_fake)), "label_fake"),
    (cleared(step(g_saturating)), "saturating"),
    (cleared(step(g_no_log)), "no_logarithm"),
    (cleared(step(g_wasserstein)), "logits_alone"),
    (cleared(step(g_plus)), "sign"),
    (cleared(step(g_both)), "discriminator_loss"),
    (cleared(step(g_no_grad)), "what is differentiated was not made from"),
    (cleared(step(g_sum)), "summed"),
    (cleared(step(g_own_noise)), "own_noise"),
    (cleared(step(g_image)), "image_as_logit"),
    (cleared(step(g_log_of_sigmoid)), "overflows"),
    (cleared(step(g_smoothed)), "smoothed"),
    (frozen_judge, "discriminator_left_frozen"),
    (cleared(step(right_g, "bzs")), "nothing_moves"),
    (judge_steps_too, "discriminator_moves"),
]


def adam(**parts):
    """Adam line by line; `parts` names those that are written otherwise."""

    def answer(parameter, gradient, state, learning_rate, beta1, beta2, eps):
        t, m, v = state
        t = parts.get("count", lambda t: t + 1)(t)
        m = parts.get("first", lambda m, g, b: b * m + (1 - b) * g)(m, gradient, beta1)
        v = parts.get("second", lambda v, g, b: b * v + (1 - b) * g**2)(v, gradient, beta2)
        correct = parts.get("correct", lambda x, b, t: x / (1 - b**t))
        m_hat, v_hat = correct(m, beta1, t), correct(v, beta2, t)
        update = parts.get("update", lambda m, v, eps: m / (v.sqrt() + eps))(m_hat, v_hat, eps)
        new = parts.get("move", lambda p, step: p - step)(parameter, learning_rate * update)
        return parts.get("result", lambda new, t, m, v, *_: (new, (t, m, v)))(
            new, t, m, v, m_hat, v_hat
        )

    return answer


ADAM = [
    (adam(update=lambda m, v, eps: m / (v + eps).sqrt()), "eps_inside_the_root"),
    (adam(update=lambda m, v, eps: m / (v + eps)), "no_root"),
    (adam(correct=lambda x, b, t: x), "no_correction"),
    (adam(correct=lambda x, b, t: x / (1 - b)), "power_forgotten"),
    (adam(correct=lambda x, b, t: x / (1 - b * t)), "times_for_power"),
    (adam(correct=lambda x, b, t: x * (1 - b**t)), "correction_multiplied"),
    (adam(first=lambda m, g, b: b * m + g), "sum_of_gradients"),
    (adam(first=lambda m, g, b: (1 - b) * m + b * g), "weights_swapped"),
    (adam(second=lambda v, g, b: b * v + (1 - b) * g), "not_squared"),
    (adam(second=lambda v, g, b: b * v + (1 - b) * g.abs()), "absolute_for_square"),
    (adam(count=lambda t: t), "counted_from_zero"),
    (adam(move=lambda p, step: p + step), "ascends"),
    (adam(move=lambda p, step: p.sub_(step)), "in_place"),
    (adam(result=lambda new, t, m, v, a, b: (new, (t, a, b))), "moments_kept_corrected"),
    (adam(result=lambda new, t, m, v, *_: new), "(parameter, state) was wanted"),
    (
        adam(result=lambda new, t, m, v, *_: (new, (m, v, t))),
        "state should be (step, first_moment, second_moment)",
    ),
    (adam(result=lambda new, t, m, v, *_: (new, t, m, v)), "(parameter, state) was wanted"),
    (adam(second=lambda v, g, b: b * v + (1 - b) * g.mean() ** 2), None),
]

SLIPS = {
    "first_gan.discriminator_loss": LOSS,
    "first_gan.Generator": GENERATOR,
    "first_gan.Discriminator": DISCRIMINATOR,
    "first_gan.discriminator_step": D_STEP,
    "first_gan.generator_step": G_STEP,
    "first_gan.adam_step": ADAM,
}

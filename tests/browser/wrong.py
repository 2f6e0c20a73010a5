"""One wrong answer a lesson, by the misconception that it holds."""

# The exercise, the misconception, and the source that holds it.
WRONG = {
    "00_start": (
        "start.rescale",
        "divided_by_256",
        """\
def rescale(images_uint8, low, high):
    return low + (high - low) * images_uint8.float() / 256
""",
    ),
    "01_divergences": (
        "divergences.kl_gaussian",
        "half_forgotten",
        """\
def kl_gaussian(mean_q, log_var_q, mean_p, log_var_p):
    squares = (log_var_q.exp() + (mean_q - mean_p) ** 2) / log_var_p.exp()
    return (log_var_p - log_var_q + squares - 1).sum(-1)
""",
    ),
    "02_elbo": (
        "elbo.importance_bound",
        "mean_of_logarithms",
        """\
def importance_bound(log_weights):
    return log_weights.mean(dim=0)
""",
    ),
    "03_reparameterization": (
        "reparameterization.reparameterize",
        "variance_as_std",
        """\
def reparameterize(mean, log_var, noise):
    return mean + log_var.exp() * noise
""",
    ),
    "04_autoencoders": (
        "autoencoders.psnr",
        "batch_in_one",
        """\
def psnr(images, restored, peak):
    return 10 * torch.log10(peak**2 / (images - restored).square().mean())
""",
    ),
    "05_vae": (
        "vae.negative_elbo",
        "kl_subtracted",
        """\
def negative_elbo(logits, images, mean, log_var):
    pixels = torch.distributions.Bernoulli(logits=logits)
    log_likelihood = pixels.log_prob(images).sum(dim=(1, 2, 3))
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1)
    return -(log_likelihood + kl).mean(), log_likelihood, kl
""",
    ),
    "06_better_vaes": (
        "better_vaes.free_bits",
        "each_image_alone",
        """\
def free_bits(kl_per_dim, floor):
    return kl_per_dim.clamp(min=floor).mean(dim=0).sum()
""",
    ),
    "07_likelihood": (
        "likelihood.iwae_loss",
        "elbo",
        """\
def iwae_loss(log_weights):
    return -log_weights.mean()
""",
    ),
    "08a_minimax": (
        "minimax.value_function",
        "log_d_subtracted",
        """\
def value_function(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() - F.logsigmoid(fake_logits).mean()
""",
    ),
    "08b_minimax": (
        "minimax.dirac_gan_step",
        "psi_first",
        """\
def dirac_gan_step(theta, psi, learning_rate, r1_weight):
    psi = psi + learning_rate * (theta * torch.sigmoid(-psi * theta) - r1_weight * psi)
    return theta - learning_rate * psi * torch.sigmoid(-psi * theta), psi
""",
    ),
    "09_first_gan": (
        "first_gan.discriminator_step",
        "not_detached",
        """\
def discriminator_step(generator, discriminator, optimizer, real, noise):
    softplus = torch.nn.functional.softplus
    fake = generator(noise)
    loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
""",
    ),
    "11a_stable_gans": (
        "stable_gans.gradient_penalty",
        "one_sided",
        """\
def gradient_penalty(critic, real, fake, mix):
    mix = mix.view(-1, *[1] * (real.ndim - 1))
    x = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).relu().square().mean()
""",
    ),
    "11b_stable_gans": (
        "stable_gans.hinge_losses",
        "not_cut_off",
        """\
def hinge_losses(real_scores, fake_scores):
    return (1 - real_scores).mean() + (1 + fake_scores).mean(), -fake_scores.mean()
""",
    ),
    "10_dcgan": (
        "dcgan.batch_norm",
        "momentum_of_the_old",
        """\
def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        running_mean = momentum * running_mean + (1 - momentum) * mean.detach()
        new_var = x.detach().var((0, 2, 3))
        running_var = momentum * running_var + (1 - momentum) * new_var
    mean, std, weight, bias = (v[:, None, None] for v in (mean, (var + eps).sqrt(), weight, bias))
    return weight * (x - mean) / std + bias, running_mean, running_var
""",
    ),
    "12_evaluation": (
        "evaluation.kid",
        "diagonal_kept",
        """
def kid(features_a, features_b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = kernel(features_a, features_a).mean() + kernel(features_b, features_b).mean()
    return within - 2 * kernel(features_a, features_b).mean()
""",
    ),
    "13_conditional": (
        "conditional.projection_logits",
        "one_kept",
        """\
def projection_logits(features, labels, embedding, linear):
    return linear(features) + (embedding(labels) * features).sum(dim=1)
""",
    ),
    "14a_cyclegan": (
        "cyclegan.instance_norm",
        "unbiased",
        """\
def instance_norm(x, eps):
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True)
    return (x - mean) / (variance + eps).sqrt()
""",
    ),
    "14b_cyclegan": (
        "cyclegan.ImagePool",
        "always_swaps",
        """\
class ImagePool:
    def __init__(self, size, generator):
        self.size, self.generator, self.images = size, generator, []

    def query(self, images):
        back = []
        for image in images.detach().clone():
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.size:
                slot = int(torch.randint(self.size, (), generator=self.generator))
                image, self.images[slot] = self.images[slot], image
            back.append(image)
        return torch.stack(back)
""",
    ),
    "16_gan_or_vae": (
        "gan_or_vae.feature_reconstruction_loss",
        "features_averaged",
        """\
def feature_reconstruction_loss(discriminator_features, images, recon):
    target = discriminator_features(images).detach()
    return F.mse_loss(discriminator_features(recon), target)
""",
    ),
    "15a_editing": (
        "editing.composite",
        "mask_made_hard",
        """\
def composite(foreground, background, mask):
    return torch.where(mask > 0.5, foreground, background)
""",
    ),
    "15b_editing": (
        "editing.gram_matrix",
        "divided_by_places",
        """\
def gram_matrix(features):
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[2]
""",
    ),
    "17a_fast_training": (
        "fast_training.roofline_seconds",
        "added",
        """\
def roofline_seconds(flops, bytes, peak_flops, peak_bandwidth):
    return flops / peak_flops + bytes / peak_bandwidth
""",
    ),
    "17b_fast_training": (
        "fast_training.accumulate_gradients",
        "mean_of_means",
        """\
def accumulate_gradients(model, loss, batches):
    model.zero_grad()
    for batch in batches:
        (loss(model, batch) / len(batches)).backward()
""",
    ),
    "18a_clinic": (
        "clinic.c11_vae_loss",
        "pixels_averaged",
        """\
def c11_vae_loss(logits, x, m, lv):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x)
    return reconstruction + 0.5 * (m**2 + lv.exp() - 1 - lv).sum(1).mean()
""",
    ),
    "18c_clinic": (
        "clinic.c18_scale",
        "as_if_bytes",
        """\
def c18_scale(x):
    return x / 127.5 - 1
""",
    ),
    "18b_clinic": (
        "clinic.c22_d_loss",
        "not_detached",
        """\
def c22_d_loss(G, D, x, z):
    softplus = torch.nn.functional.softplus
    return softplus(-D(x)).mean() + softplus(D(G(z))).mean()
""",
    ),
    "19a_responsible": (
        "responsible.memorization_rate",
        "samples_set_the_threshold",
        """\
def memorization_rate(samples, train, test, quantile):
    nearest = torch.cdist(samples.flatten(1), train.flatten(1)).amin(dim=1)
    return (nearest < nearest.quantile(quantile)).float().mean()
""",
    ),
    "19b_responsible": (
        "responsible.embed_watermark",
        "each_image_its_own",
        """\
def embed_watermark(images, key, strength):
    own = torch.Generator().manual_seed(key)
    pattern = 2.0 * torch.randint(0, 2, images.shape, generator=own) - 1
    return (images + strength * pattern.to(images)).clamp(0, 1)
""",
    ),
}

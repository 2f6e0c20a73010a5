"""Wrong answers to each exercise of lesson 10, as a student may write them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

# conv_transpose_output_size: n, k, s, p, o are size, kernel, stride, padding, output padding
SIZE = [
    (lambda n, k, s, p, o: (n + 2 * p - k) // s + 1, "ordinary_convolution"),
    (lambda n, k, s, p, o: n * s + k - 2 * p + o, "kernel_of_every_pixel"),
    (lambda n, k, s, p, o: (n - 1) * s + k - p + o, "padding_on_one_side"),
    (lambda n, k, s, p, o: (n - 1) * s + k + 2 * p + o, "padding_added"),
    (lambda n, k, s, p, o: (n - 1) * s + k - 2 * p, "output_padding_ignored"),
    (lambda n, k, s, p, o: (n - 1) * s + k - 2 * p + 2 * o, "output_padding_on_both_sides"),
    (lambda n, k, s, p, o: (n - 1) * s + k - 2 * p - o, "output_padding_subtracted"),
    (lambda n, k, s, p, o: (n - 1) * s + k - 1 - 2 * p + o, "one_pixel_missing"),
    (lambda n, k, s, p, o: (n - 1) * s + k + o, "padding_ignored"),
    (lambda n, k, s, p, o: n * s, "size_times_stride"),
    (lambda n, k, s, p, o: ((n - 1) * s + k - 2 * p + o) / 1, "not_an_integer"),
    (lambda n, k, s, p, o: ((n - 1) * s + k - 2 * p + o) ** 2, "whole_image"),
    (lambda n, k, s, p, o: n - 1 + k - 2 * p + o, "stride_ignored"),
    (lambda n, k, s, p, o: n * k - 2 * p + o, "stamps_side_by_side"),
    (lambda n, k, s, p, o: (n - 1) * k + s - 2 * p + o, "kernel_and_stride_swapped"),
    (lambda n, k, s, p, o: (n - 1 + o) * s + k - 2 * p, None),
    (lambda n, k, s, p, o: print(end=""), "does it return?"),
]


def c(values):
    return values[:, None, None]


def norm(
    used=0,
    kept=1,
    spread=lambda var: var,
    scale=lambda var, eps: (var + eps).sqrt(),
    affine=lambda y, w, b: c(w) * y + c(b),
    share=lambda momentum: momentum,
    cut=lambda statistic: statistic,
    moved_first=False,
):
    """The estimates moved with their graph, as a student may leave it."""

    def answer(x, weight, bias, running_mean, running_var, training, momentum, eps):
        mean, var, m = running_mean, running_var, share(momentum)
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=used)
            running_mean = (1 - m) * running_mean + m * mean
            moved = spread(x.var((0, 2, 3), correction=kept))
            running_var = (1 - m) * running_var + m * moved
            mean, var = cut(mean), cut(var)
            if moved_first:
                mean, var = running_mean, running_var
        return affine((x - c(mean)) / scale(c(var), eps), weight, bias), running_mean, running_var

    return answer


right_norm = norm()


def norm_over(axes):
    def answer(x, w, b, running_mean, running_var, training, momentum, eps):
        if not training:
            return right_norm(x, w, b, running_mean, running_var, training, momentum, eps)
        mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
        count = x.numel() / mean.numel()
        unbiased = var * (count / (count - 1) if count > 1 else torch.nan)
        new_mean = mean.expand_as(x).mean((0, 2, 3))
        new_var = unbiased.expand_as(x).mean((0, 2, 3))
        out = c(w) * (x - mean) / (var + eps).sqrt() + c(b)
        return (
            out,
            (1 - momentum) * running_mean + momentum * new_mean,
            (1 - momentum) * running_var + momentum * new_var,
        )

    return answer


def norm_of_the_batch(x, w, b, m, v, training, momentum, eps):
    return right_norm(x, w, b, m, v, True, momentum, eps)


def norm_of_the_batch_kept_in_eval(x, w, b, m, v, training, momentum, eps):
    out, mean, var = right_norm(x, w, b, m, v, True, momentum, eps)
    return (out, mean, var) if training else (out, m, v)


def moving_in_eval(x, w, b, m, v, training, momentum, eps):
    out, *_ = right_norm(x, w, b, m, v, training, momentum, eps)
    return out, *right_norm(x, w, b, m, v, True, momentum, eps)[1:]


def along_the_last_axis(x, w, b, m, v, training, momentum, eps):
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    return w * (x - mean) / (var + eps).sqrt() + b, m, v


def by_library_in_place(x, w, b, m, v, training, momentum, eps):
    return F.batch_norm(x, m, v, w, b, training, momentum, eps), m, v


def then(change):
    return lambda *given: change(given, *right_norm(*given))


def with_eps_in_the_estimate(given, out, mean, var):
    return out, mean, var + given[6] * given[7] if given[5] else var


NORM = [
    (norm(used=1), "unbiased_to_normalise"),
    (norm(kept=0), "biased_running_variance"),
    (norm(share=lambda momentum: 1 - momentum), "momentum_of_the_old"),
    (norm(share=lambda momentum: 1.0), "estimates_replaced"),
    (norm(cut=torch.Tensor.detach), "statistics_detached"),
    (norm(scale=lambda var, eps: var.sqrt() + eps), "eps_outside_the_root"),
    (norm(scale=lambda var, eps: var.sqrt()), "eps_forgotten"),
    (norm(scale=lambda var, eps: var + eps), "divided_by_the_variance"),
    (norm(spread=torch.sqrt), "standard_deviation_kept"),
    (norm(moved_first=True), "running_statistics_in_training"),
    (norm(affine=lambda y, w, b: y), "weight_and_bias_forgotten"),
    (norm(affine=lambda y, w, b: c(w) * y), "bias_forgotten"),
    (norm(affine=lambda y, w, b: c(b) * y + c(w)), "weight_and_bias_swapped"),
    (norm_over((2, 3)), "each_image_alone"),
    (norm_over((0,)), "each_pixel_alone"),
    (norm_over((0, 1, 2, 3)), "all_channels_together"),
    (norm_of_the_batch, "batch_statistics_in_eval"),
    (norm_of_the_batch_kept_in_eval, "batch_statistics_in_eval"),
    (moving_in_eval, "estimates_moved_in_eval"),
    (along_the_last_axis, "not_along_the_channels"),
    (by_library_in_place, "changed_in_place"),
    (then(lambda given, out, mean, var: out), "normalised_alone"),
    (then(lambda given, out, mean, var: (out, given[3], given[4])), "estimates_not_moved"),
    (then(lambda given, out, mean, var: (out, mean, given[4])), "variance_not_moved"),
    (then(lambda given, out, mean, var: (out, var, mean)), "estimates_in_another_order"),
    (then(with_eps_in_the_estimate), None),
]


def written_over(x, slope):
    x[x < 0] *= slope
    return x


def asked_by_if(x, slope):
    if x >= 0:
        return x
    return slope * x


LEAKY = [
    (lambda x, slope: x.clamp(min=0), "relu"),
    (lambda x, slope: torch.minimum(x, slope * x), "sides_swapped"),
    (lambda x, slope: torch.where(x >= 0, slope * x, x), "sides_swapped"),
    (lambda x, slope: torch.where(x >= 0, x, -slope * x), "sign_flipped"),
    (lambda x, slope: F.relu(x) + slope * F.relu(-x), "sign_flipped"),
    (lambda x, slope: torch.where(x >= 0, x, slope), "constant_floor"),
    (lambda x, slope: torch.where(x >= 0, x, -slope), "constant_floor"),
    (lambda x, slope: x.clamp(min=slope), "clamped_at_the_slope"),
    (lambda x, slope: torch.where(x > slope, x, slope * x), "bend_at_the_slope"),
    (lambda x, slope: F.leaky_relu(x, 0.2), "slope_written_down"),
    (lambda x, slope: F.leaky_relu(x), "slope_ignored"),
    (lambda x, slope: F.elu(x, slope), "softened"),
    (lambda x, slope: torch.where(x >= 0, x, x / slope), "slope_divided"),
    (lambda x, slope: F.relu(x) + slope * x, "slope_on_both_sides"),
    (lambda x, slope: F.relu(x) - slope * (x < 0), "constant_floor"),
    (lambda x, slope: slope * F.relu(x), "slope_times_relu"),
    (lambda x, slope: torch.where(x >= 0, x, (1 - slope) * x), "rest_of_the_slope"),
    (lambda x, slope: torch.where(x >= 0, x, slope * x.detach()), "left_side_detached"),
    (lambda x, slope: F.leaky_relu(x.detach(), slope), "detached"),
    (written_over, "in_place"),
    (asked_by_if, "python_max"),
    (lambda x, slope: nn.LeakyReLU(slope), "got a LeakyReLU"),
    (lambda x, slope: [max(a, slope * a) for a in x.flatten().tolist()], "got the list of"),
]


CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def start(
    layers=nn.Module.modules,
    kinds=CONVOLUTIONS,
    draw=lambda w: nn.init.normal_(w, 0.0, 0.02),
    draw_norm=lambda w: nn.init.normal_(w, 1.0, 0.02),
    bias=nn.init.zeros_,
    shift=nn.init.zeros_,
):
    def answer(module):
        for layer in layers(module):
            if isinstance(layer, kinds):
                draw(layer.weight)
                if layer.bias is not None:
                    bias(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d) and layer.weight is not None:
                draw_norm(layer.weight)
                shift(layer.bias)

    return answer


def nothing(parameter):
    """Left as it is."""


def by_names(layer):
    name = layer.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(layer.weight.data, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(layer.weight.data, 1.0, 0.02)
        nn.init.constant_(layer.bias.data, 0)


def without_asking(module):
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            nn.init.zeros_(layer.bias)


def with_a_seed(module):
    torch.manual_seed(0)
    start()(module)


def another_name(module):
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            weight = layer.weight
            weight = 0.02 * torch.randn_like(weight)


def skipping(module):
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS) and layer.bias is not None:
            nn.init.normal_(layer.weight, 0.0, 0.02)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def one_layer(layer):
    if isinstance(layer, CONVOLUTIONS):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d) and layer.weight is not None:
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def child_by_child(module):
    for child in module.children():
        one_layer(child)
        child_by_child(child)


def children_and_theirs(module):
    for child in module.children():
        for layer in (child, *child.children()):
            one_layer(layer)


def returning_early(module):
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            return


def with_an_or(module):
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) or nn.ConvTranspose2d:
            nn.init.normal_(layer.weight, 0.0, 0.02)


def itself(module):
    module.apply(itself)


def told_by_name(module):
    for name, parameter in module.named_parameters():
        if "norm" in name and "weight" in name:
            nn.init.normal_(parameter, 1.0, 0.02)
        elif "weight" in name:
            nn.init.normal_(parameter, 0.0, 0.02)
        else:
            nn.init.zeros_(parameter)


def all_alike(module):
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0.0, 0.02)


def normal(mean, std):
    return lambda parameter: nn.init.normal_(parameter, mean, std)


START = [
    (start(layers=nn.Module.children), "children_alone"),
    (start(kinds=nn.Conv2d), "transposed_forgotten"),
    (start(kinds=nn.ConvTranspose2d), "convolutions_forgotten"),
    (start(draw=normal(0.0, 0.02**2), draw_norm=normal(1.0, 0.02**2)), "deviation_squared"),
    (start(draw=normal(0.0, 0.02**2)), "deviation_squared"),
    (start(draw=normal(0.0, 0.02**0.5)), "variance_for_deviation"),
    (start(draw=normal(1.0, 0.02)), "convolutions_around_one"),
    (start(draw_norm=normal(0.02, 1.0)), "mean_and_deviation_swapped"),
    (start(bias=nn.init.ones_), "biases_drawn"),
    (start(draw_norm=nothing, bias=nothing, shift=nothing), "weights_of_convolutions_alone"),
    (child_by_child, "inside_alone"),
    (children_and_theirs, "children_alone"),
    (returning_early, "first_layer_alone"),
    (with_an_or, "weight_of_all"),
    (itself, "applied_within_itself"),
    (told_by_name, "norms_by_name"),
    (start(draw_norm=normal(0.0, 0.02)), "norms_around_zero"),
    (start(draw_norm=nn.init.ones_), "norms_constant"),
    (start(draw_norm=normal(1.0, 1.0)), "norms_spread_widely"),
    (start(draw_norm=nothing, shift=nothing), "norms_forgotten"),
    (start(bias=nothing, shift=nothing), "biases_left"),
    (start(bias=nothing), "convolution_biases_left"),
    (start(shift=nothing), "norm_biases_left"),
    (start(bias=normal(0.0, 0.02)), "biases_drawn"),
    (start(draw=lambda w: nn.init.uniform_(w, -0.02, 0.02)), "uniform"),
    (start(draw=nn.init.kaiming_normal_), "scaled_by_the_inputs"),
    (start(draw=lambda w: nn.init.constant_(w, 0.02)), "constant_weights"),
    (start(draw=lambda w: w.data.add_(0.02 * torch.randn_like(w))), "added_to_the_old"),
    (by_names, "top_level_alone"),
    (lambda module: module.apply(by_names), "bias_of_all"),
    (without_asking, "bias_of_all"),
    (with_a_seed, "seeded"),
    (another_name, "copy_initialized"),
    (skipping, "skipped_without_bias"),
    (all_alike, "all_parameters_alike"),
]


def halvings(size, stop=8):
    times = 0
    while size >= stop:
        size, times = size // 2, times + 1
    return size, times


def generator(
    widths=lambda width, times: [width * 2**k for k in reversed(range(times))],
    end=(nn.Tanh,),
    between=nn.ReLU,
    doubling=(4, 2, 1),
    reshaped=True,
    sizes=halvings,
    last_norm=False,
    keep=lambda layers: nn.Sequential(*layers),
):
    class Generator(nn.Module):
        def __init__(self, latent_dim, image_size, channels, width):
            super().__init__()
            side, times = sizes(image_size)
            maps = [*widths(width, times), channels]
            layers = [nn.Unflatten(1, (latent_dim, 1, 1))] if reshaped else []
            layers += [nn.ConvTranspose2d(latent_dim, maps[0], side, bias=False)]
            for taken, made in pairwise(maps):
                layers += [nn.BatchNorm2d(taken), between()]
                layers += [nn.ConvTranspose2d(taken, made, *doubling)]
            layers += [nn.BatchNorm2d(channels)] if last_norm else []
            self.layers = keep([*layers, *(layer() for layer in end)])

        def forward(self, z):
            for layer in self.layers:
                z = layer(z)
            return z

    return Generator


class GeneratorWithoutSuper(nn.Module):
    def __init__(self, latent_dim, image_size, channels, width):
        self.layers = generator()(latent_dim, image_size, channels, width)


class GeneratorWithoutForward(nn.Module):
    def __init__(self, latent_dim, image_size, channels, width):
        super().__init__()
        self.layers = generator()(latent_dim, image_size, channels, width)


class LinearGenerator(nn.Module):
    def __init__(self, latent_dim, image_size, channels, width):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(latent_dim, 4 * width), nn.BatchNorm1d(4 * width), nn.ReLU()),
            *(nn.Linear(4 * width, channels * image_size**2), nn.Tanh()),
            nn.Unflatten(1, (channels, image_size, image_size)),
        )

    def forward(self, z):
        return self.layers(z)


def in_color(latent_dim, image_size, channels, width):
    return generator()(latent_dim, image_size, 3, width)


class StretchedOverTheBatch(generator(end=())):
    def forward(self, z):
        images = super().forward(z)
        return 2 * (images - images.min()) / (images.max() - images.min()) - 1


def norms_without_estimates(latent_dim, image_size, channels, width):
    module = generator()(latent_dim, image_size, channels, width)
    for name, layer in list(module.named_modules()):
        if isinstance(layer, nn.BatchNorm2d):
            kept = nn.BatchNorm2d(layer.num_features, track_running_stats=False)
            module.set_submodule(name, kept)
    return module


GENERATOR = [
    (generator(end=(nn.Sigmoid,)), "sigmoid"),
    (generator(end=()), "no_tanh"),
    (generator(end=(nn.ReLU, nn.Tanh)), "relu_before_tanh"),
    (generator(last_norm=True), "norm_behind_last"),
    (generator(between=nn.Identity), "no_activation"),
    (generator(doubling=(3, 2, 1)), "odd_kernel"),
    (generator(doubling=(4, 2)), "padding_missing"),
    (generator(sizes=lambda size: (size // 8, 3)), "halved_too_often"),
    (generator(sizes=lambda size: halvings(size, stop=5)), "halved_too_often"),
    (generator(sizes=lambda size: halvings(size, stop=9)), "starts_too_large"),
    (generator(widths=lambda w, n: [w // 2**k for k in range(n)]), "another_last_width"),
    (in_color, "always_in_color"),
    (StretchedOverTheBatch, "batch_statistics_always"),
    (norms_without_estimates, "batch_statistics_always"),
    (generator(widths=lambda w, n: [w * 2**k for k in range(n)]), "width_at_the_other_end"),
    (generator(widths=lambda w, n: [w] * n), "one_width"),
    (generator(widths=lambda w, n: [w * 2 ** (n - k) for k in range(n)]), "another_last_width"),
    (generator(widths=lambda w, n: [w * 2 ** (3 - k) for k in range(n)]), "another_last_width"),
    (generator(widths=lambda w, n: [64 * 2 ** (n - k) for k in range(n)]), "fixed_width"),
    (generator(reshaped=False), "row_into_convolution"),
    (generator(keep=list), "norms_in_a_list"),
    (GeneratorWithoutSuper, "super().__init__() stands first"),
    (GeneratorWithoutForward, 'missing the required "forward" function'),
    (LinearGenerator, "no_convolution"),
]


def discriminator(
    widths=lambda width, times: [width * 2**k for k in range(times)],
    end=(lambda: nn.Flatten(0),),
    between=lambda: nn.LeakyReLU(0.2),
    norms_from=1,
    images_normalized=False,
    last=lambda taken, side: nn.Conv2d(taken, 1, side),
    keep=lambda layers: nn.Sequential(*layers),
):
    class Discriminator(nn.Module):
        def __init__(self, image_size, channels, width):
            super().__init__()
            side, times = halvings(image_size)
            maps = [channels, *widths(width, times)]
            layers = [nn.BatchNorm2d(channels)] if images_normalized else []
            for number, (taken, made) in enumerate(pairwise(maps)):
                layers += [nn.Conv2d(taken, made, 4, 2, 1)]
                layers += [nn.BatchNorm2d(made)] if number >= norms_from else []
                layers += [between()]
            layers += [last(maps[-1], side)]
            self.layers = keep([*layers, *(layer() for layer in end)])

        def forward(self, images):
            for layer in self.layers:
                images = layer(images)
            return images

    return Discriminator


class DiscriminatorWithoutSuper(nn.Module):
    def __init__(self, image_size, channels, width):
        self.layers = discriminator()(image_size, channels, width)


class LinearDiscriminator(nn.Module):
    def __init__(self, image_size, channels, width):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Flatten(), nn.Linear(channels * image_size**2, width), nn.LeakyReLU(0.2)),
            *(nn.Linear(width, 1), nn.Flatten(0)),
        )

    def forward(self, images):
        return self.layers(images)


class Squeezing(nn.Module):
    def forward(self, maps):
        return maps.squeeze()


def flat():
    return nn.Flatten(0)


DISCRIMINATOR = [
    (discriminator(end=(nn.Sigmoid, flat)), "sigmoid_output"),
    (discriminator(end=(nn.Tanh, flat)), "tanh_output"),
    (discriminator(end=(nn.ReLU, flat)), "rectified_output"),
    (discriminator(norms_from=0), "norm_first"),
    (discriminator(images_normalized=True), "norm_first"),
    (discriminator(end=(lambda: nn.BatchNorm2d(1), flat)), "logits_normalized"),
    (discriminator(between=nn.Identity), "no_activation"),
    (discriminator(end=()), "map_kept"),
    (discriminator(end=(nn.Flatten,)), "unit_kept"),
    (discriminator(end=(Squeezing,)), "squeezed"),
    (discriminator(widths=lambda w, n: [w * 2**k for k in reversed(range(n))]), "channels_fall"),
    (discriminator(widths=lambda w, n: [w] * n), "one_width"),
    (discriminator(widths=lambda w, n: [2 * w * 2**k for k in range(n)]), "another_first_width"),
    (discriminator(last=lambda taken, side: nn.Conv2d(taken, 1, 4)), "one_logit_a_place"),
    (
        discriminator(last=lambda taken, side: nn.Conv2d(taken, 1, 3, padding=1), end=()),
        "one_logit_a_place",
    ),
    (discriminator(keep=list), "norms_in_a_list"),
    (DiscriminatorWithoutSuper, "super().__init__() stands first"),
    (LinearDiscriminator, "no_convolution"),
]

SLIPS = {
    "dcgan.conv_transpose_output_size": SIZE,
    "dcgan.batch_norm": NORM,
    "dcgan.leaky_relu": LEAKY,
    "dcgan.initialize_dcgan": START,
    "dcgan.DCGANGenerator": GENERATOR,
    "dcgan.DCGANDiscriminator": DISCRIMINATOR,
}

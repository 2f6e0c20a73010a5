"""Wrong answers to the exercises of lessons 15a and 15b, as readers write them, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F

from tests.slips.editing_again import AGAIN

# ----------------------------------------------------------------- slerp


def published_slerp(a, b, t):
    """As it goes round: the sine weights on the vectors themselves."""
    omega = torch.acos((F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1, keepdim=True))
    so = torch.sin(omega)
    return torch.sin((1 - t) * omega) / so * a + torch.sin(t * omega) / so * b


def sines(u, v, t, angle):
    return (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)


def parts(a, b):
    u, v = F.normalize(a, dim=1), F.normalize(b, dim=1)
    return u, v, (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()


def mixed(a, b, t):
    return torch.lerp(a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True), t)


def kept_apart(u, v, t, angle):
    near = angle < 1e-3
    safe = torch.where(near, 1.0, angle)
    return torch.where(near, (1 - t) * u + t * v, sines(u, v, t, safe))


SLERP = [
    (lambda a, b, t: torch.lerp(a, b, t), "straight_line"),
    (lambda a, b, t: a * t + b * (1 - t), None),
    (lambda a, b, t: mixed(a, b, 1 - t) * kept_apart(*parts(a, b)[:2], 1 - t, parts(a, b)[2]),
     "ends_swapped"),
    (lambda a, b, t: kept_apart(*parts(a, b)[:2], t, parts(a, b)[2]), "length_one"),
    (lambda a, b, t: a.norm(dim=1, keepdim=True)
     * kept_apart(*parts(a, b)[:2], t, parts(a, b)[2]), "length_of_a"),
    (lambda a, b, t: mixed(a, b, t) * F.normalize(torch.lerp(a, b, t), dim=1),
     "line_brought_to_length"),
    (lambda a, b, t: mixed(a, b, t) * F.normalize(torch.lerp(*parts(a, b)[:2], t), dim=1),
     "line_of_directions"),
    (lambda a, b, t: mixed(a, b, t) * sines(*parts(a, b)[:2], t, parts(a, b)[2]),
     "nan_where_parallel"),
    (lambda a, b, t: ((1 - t) * a.norm() + t * b.norm())
     * kept_apart(*parts(a, b)[:2], t, parts(a, b)[2]), "lengths_of_the_whole_batch"),
    (published_slerp, "lengths_not_taken_off"),
    (lambda a, b, t: mixed(a, b, t) * (a / a.norm(dim=1) + b / b.norm(dim=1)), "axis_dropped"),
]  # fmt: skip

# ----------------------------------------------------------------- attribute vector

VECTOR = [
    (lambda z, has: z[~has].mean(0) - z[has].mean(0), "sign_turned"),
    (lambda z, has: z[has].mean(0), "those_with_it_alone"),
    (lambda z, has: z[has].mean(0) - z.mean(0), "from_the_mean_of_all"),
    (lambda z, has: z[has].sum(0) - z[~has].sum(0), "sums"),
    (lambda z, has: (z * has[:, None]).mean(0) - (z * ~has[:, None]).mean(0), "divided_by_all"),
    (lambda z, has: 0.5 * (z[has].mean(0) - z[~has].mean(0)), "halved"),
    (lambda z, has: z[has].mean() - z[~has].mean(), "single_number"),
    (lambda z, has: z[has].mean(1) - z[~has].mean(1), "averaged_over_latents"),
    (lambda z, has: z[has.int()].mean(0) - z[1 - has.int()].mean(0), "numbers_as_places"),
    (lambda z, has: z[has].mean(0, keepdim=True) - z[~has].mean(0, keepdim=True), "row"),
    (lambda z, has: z[has].median(0).values - z[~has].median(0).values, "medians"),
    (lambda z, has: F.normalize(z[has].mean(0) - z[~has].mean(0), dim=0), "length_one"),
]

# ----------------------------------------------------------------- invert


def searching(loss, leaf=lambda z: z.clone(), end=lambda g, z: z.detach(), sign=1.0):
    def answer(generator, images, steps, learning_rate, z):
        z = leaf(z).detach().requires_grad_()
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(generator(z), images), z)
            z = (z - sign * learning_rate * slope).detach().requires_grad_()
        return end(generator, z)

    return answer


def squares(made, images):
    return (made - images).square().sum()


def returned_in_the_loop(generator, images, steps, learning_rate, z):
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        squares(generator(z), images).backward()
        optimizer.step()
        return z.detach()
    return z.detach()


def weights_given(generator, images, steps, learning_rate, z):
    optimizer = torch.optim.Adam(generator.parameters(), learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        squares(generator(z), images).backward()
        optimizer.step()
    return z


def z_itself(generator, images, steps, learning_rate, z):
    z.requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        squares(generator(z), images).backward()
        optimizer.step()
    return z.detach()


def old_z_back(generator, images, steps, learning_rate, z):
    searching(squares)(generator, images, steps, learning_rate, z)
    return z.clone()


def graph_left(generator, images, steps, learning_rate, z):
    return searching(squares, end=lambda g, z: z)(generator, images, steps, learning_rate, z)


def not_required(generator, images, steps, learning_rate, z):
    z = z.clone()
    squares(generator(z).detach(), images).backward()
    return z


INVERT = [
    (searching(squares, sign=-1.0), "ascended"),
    (searching(lambda made, images: -squares(made, images)), "ascended"),
    (searching(squares, end=lambda g, z: g(z).detach()), "images_returned"),
    (returned_in_the_loop, "one_step"),
    (weights_given, "generator_trained"),
    (z_itself, "z_left_requiring_gradients"),
    (old_z_back, "start_returned"),
    (graph_left, "graph_kept"),
    (not_required, "graph_cut"),
    (searching(squares, leaf=lambda z: z.mean(0, keepdim=True)), "one_latent_for_all"),
    (searching(squares, leaf=lambda z: torch.randn(z.shape)), "random_start"),
]

# ----------------------------------------------------------------- inpaint


def mending(
    loss=lambda made, images, mask: squares(mask * made, mask * images),
    end=lambda made, images, mask: mask * images + (1 - mask) * made,
    last=lambda decode, z: decode(z).detach(),
    sign=1.0,
):
    def answer(decode, images, mask, steps, learning_rate, z):
        z = z.clone().requires_grad_()
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(decode(z), images, mask), z)
            z = (z - sign * learning_rate * slope).detach().requires_grad_()
        return end(last(decode, z), images, mask)

    return answer


def start_used(decode, images, mask, steps, learning_rate, z):
    mending()(decode, images, mask, steps, learning_rate, z)
    return torch.where(mask == 1, images, decode(z))


def cut_off(decode, images, mask, steps, learning_rate, z):
    squares(decode(z).detach() * mask, images * mask).backward()


INPAINT = [
    (mending(end=lambda made, images, mask: made), "decoded_images"),
    (mending(loss=lambda made, images, mask: squares(made, images)), "hole_seen"),
    (mending(loss=lambda made, images, mask: squares((1 - mask) * made, (1 - mask) * images)),
     "hole_seen"),
    (mending(loss=lambda made, images, mask: squares(made, mask * images)),
     "only_the_image_masked"),
    (mending(end=lambda made, images, mask: mask * made + (1 - mask) * images),
     "mask_turned_round_at_the_end"),
    (mending(end=lambda made, images, mask: mask * images), "hole_left_empty"),
    (mending(end=lambda made, images, mask: mask * images + made), "added_up"),
    (mending(sign=-1.0), "ascended"),
    (mending(last=lambda decode, z: decode(z)), "graph_kept"),
    (cut_off, "graph_cut"),
    (mending(end=lambda made, images, mask: 0.5 * made + 0.5 * images), None),
]  # fmt: skip

# ----------------------------------------------------------------- composite

COMPOSITE = [
    (lambda f, b, m: (1 - m) * f + m * b, "mask_turned_round"),
    (lambda f, b, m: torch.where(m > 0.5, f, b), "mask_made_hard"),
    (lambda f, b, m: torch.where(m >= 0.5, f, b), "mask_made_hard"),
    (lambda f, b, m: f * m + b, "background_not_dimmed"),
    (lambda f, b, m: f * m, "background_missing"),
    (lambda f, b, m: f + b * (1 - m), "foreground_not_dimmed"),
    (lambda f, b, m: (f + b) / 2, "added"),
    (lambda f, b, m: (f * m + b * (1 - m)).clamp(0, 1), "clamped"),
    (lambda f, b, m: f * m.squeeze(1) + b * (1 - m.squeeze(1)), "axis_dropped"),
    (lambda f, b, m: f * m[0] + b * (1 - m[0]), "one_mask_for_all"),
    (lambda f, b, m: f * m.detach() + b * (1 - m.detach()), "mask_detached"),
    (lambda f, b, m: (f * m - b * (1 - m)).abs(), None),
]

# ----------------------------------------------------------------- Gram matrix


def flat(features):
    return features.flatten(2)


GRAM = [
    (lambda f: flat(f) @ flat(f).mT, "not_divided"),
    (lambda f: flat(f) @ flat(f).mT / flat(f).shape[2], "divided_by_places"),
    (lambda f: torch.einsum("bchw,bdhw->bcd", f, f) / f.shape[1], "divided_by_channels"),
    (lambda f: flat(f) @ flat(f).mT / f.numel(), "divided_by_the_batch"),
    (lambda f: flat(f).mT @ flat(f) / f[0].numel(), "places_by_places"),
    (lambda f: f.reshape(len(f), -1, f.shape[1]).mT @ f.reshape(len(f), -1, f.shape[1])
     / f[0].numel(), "channels_and_places_mixed"),
    (lambda f: f.flatten(0, 1).flatten(1) @ f.flatten(0, 1).flatten(1).T / f[0].numel(),
     "images_mixed"),
    (lambda f: (flat(f) - flat(f).mean(2, keepdim=True)) @ flat(f - f.mean((2, 3), True)).mT
     / f[0].numel(), "centered"),
    (lambda f: f @ f.mT / f[0].numel(), "not_flattened"),
    (lambda f: flat(f) @ flat(f).T, "transposed_batch"),
    (lambda f: torch.einsum("bchw,bdhw->cd", f, f) / f[0].numel(), "one_matrix_for_all"),
    (lambda f: flat(f).square().sum(2) / f[0].numel(), "channels_not_paired"),
]  # fmt: skip

# ----------------------------------------------------------------- augment


def pieces(images, g, coins=None, lights=None, spans=None, fill="constant", back=-1.0):
    """A crop of a framed image, its parts drawn as a reader may have done it."""
    count, _, height, width = images.shape
    flip = torch.rand(count, generator=g) < 0.5 if coins is None else coins
    images = torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)
    h, w = height // 8, width // 8
    more = {"value": back} if fill == "constant" else {}
    framed = F.pad(images, (w, w, h, h), mode=fill, **more)
    if spans is None:
        tops = torch.randint(2 * h + 1, (count,), generator=g).tolist()
        lefts = torch.randint(2 * w + 1, (count,), generator=g).tolist()
    else:
        tops, lefts = spans
    moved = torch.stack(
        [x[:, i : i + height, j : j + width] for x, i, j in zip(framed, tops, lefts, strict=True)]
    )
    light = 0.5 * torch.rand(count, 1, 1, 1, generator=g) - 0.25 if lights is None else lights
    return moved + light


def stay(images):
    count, _, height, width = images.shape
    return [height // 8] * count, [width // 8] * count


def clipped(change):
    return lambda images, g: change(images, g).clamp(-1, 1)


AUGMENT = [
    (pieces, "not_clipped"),
    (clipped(lambda x, g: pieces(x, g, coins=torch.zeros(len(x), dtype=torch.bool))),
     "never_flipped"),
    (clipped(lambda x, g: pieces(x, g, coins=torch.ones(len(x), dtype=torch.bool))), "all_flipped"),
    (clipped(lambda x, g: pieces(x, g, spans=stay(x))), "not_shifted"),
    (clipped(lambda x, g: pieces(x, g, fill="circular")), "image_at_the_edge"),
    (clipped(lambda x, g: pieces(x, g, back=0.0)), "gray_filled"),
    (clipped(lambda x, g: pieces(x, g, lights=0.0)), "brightness_missing"),
    (clipped(lambda x, g: pieces(x, g, lights=torch.rand(1, generator=g) / 2 - 0.25)),
     "one_brightness"),
    (clipped(lambda x, g: pieces(x, g, lights=torch.rand(x.shape, generator=g) / 2 - 0.25)),
     "noise"),
    (clipped(lambda x, g: pieces(x.detach(), g)), "gradient_cut"),
    (clipped(lambda x, g: pieces(x, torch.Generator().manual_seed(1))), "own_generator"),
    (clipped(lambda x, g: pieces(x, g, lights=torch.rand(len(x), 1, 1, 1, generator=g) / 4)),
     "brighter_only"),
]  # fmt: skip

FIRST = {
    "editing.slerp": SLERP,
    "editing.attribute_vector": VECTOR,
    "editing.invert": INVERT,
    "editing.inpaint": INPAINT,
    "editing.composite": COMPOSITE,
    "editing.gram_matrix": GRAM,
    "editing.augment": AUGMENT,
}

SLIPS = {name: slips + AGAIN[name] for name, slips in FIRST.items()}

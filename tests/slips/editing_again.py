"""Ten more wrong answers to each exercise of lessons 15a and 15b, by a second fresh reader."""

import torch
import torch.nn.functional as F

# ----------------------------------------------------------------- slerp


def lengths(a, b, t):
    return (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)


def turned(u, v, t):
    """Unit vectors turned, line 6 where they are parallel."""
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    near = angle < 1e-3
    safe = torch.where(near, 1.0, angle)
    way = (torch.sin((1 - t) * safe) * u + torch.sin(t * safe) * v) / torch.sin(safe)
    return torch.where(near, (1 - t) * u + t * v, way)


def units(a, b, dim=1):
    return F.normalize(a, dim=dim), F.normalize(b, dim=dim)


def geometric(a, b, t):
    size = a.norm(dim=1, keepdim=True) ** (1 - t) * b.norm(dim=1, keepdim=True) ** t
    return size * turned(*units(a, b), t)


def nan_made_zero(a, b, t):
    u, v = units(a, b)
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    way = (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)
    return lengths(a, b, t) * way.nan_to_num(0.0)


def small_added(a, b, t):
    u, v = units(a, b)
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    way = torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v
    return lengths(a, b, t) * way / (torch.sin(angle) + 1e-8)


def one_angle(a, b, t):
    u, v = units(a, b)
    angle = (u * v).sum(1).mean().clamp(-1, 1).acos()
    way = (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)
    return lengths(a, b, t) * way


def sine_left_out(a, b, t):
    u, v = units(a, b)
    angle = (u * v).sum(1, keepdim=True).clamp(-1, 1).acos()
    return lengths(a, b, t) * (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v)


def quarter_turn(a, b, t):
    u, v = units(a, b)
    quarter = torch.tensor(t * torch.pi / 2)
    return lengths(a, b, t) * (torch.cos(quarter) * u + torch.sin(quarter) * v)


SLERP = [
    (geometric, "length_geometric"),
    (nan_made_zero, "zero_where_parallel"),
    (small_added, "zero_where_parallel"),
    (one_angle, "one_angle_for_the_batch"),
    (sine_left_out, "sine_not_divided"),
    (quarter_turn, "cosines"),
    (lambda a, b, t: lengths(a, b, t) * turned(*units(a, b, 0), t), "normalized_along_the_batch"),
    (lambda a, b, t: (1 - t) ** 0.5 * a + t**0.5 * b, "roots_as_weights"),
    (lambda a, b, t: a.shape[1] ** 0.5 * turned(*units(a, b), t), "length_of_the_shell"),
    (lambda a, b, t: b.norm(dim=1, keepdim=True) * turned(*units(a, b), t), "length_of_a"),
    (lambda a, b, t: turned(a, b, t), "not_normalized"),
    (lambda a, b, t: lengths(a, b, 0.5) * turned(*units(a, b), t), "length_of_a"),
]

# ----------------------------------------------------------------- attribute vector


def parted(z, has):
    return z[has], z[~has]


def by_covariance(z, has):
    share = has.to(z)
    return ((share - share.mean())[:, None] * (z - z.mean(0))).mean(0)


VECTOR = [
    (lambda z, has: z[has].mean(0) + z[~has].mean(0), "added_up"),
    (lambda z, has: (z[has].mean(0) - z[~has].mean(0)).abs(), "absolute"),
    (lambda z, has: (z[has].mean(0) - z[~has].mean(0)) / z.std(0), "standardized"),
    (lambda z, has: z[has][0] - z[~has][0], "first_ones_alone"),
    (lambda z, has: z[has].sum(0) / (~has).sum() - z[~has].sum(0) / has.sum(), "counts_exchanged"),
    (lambda z, has: z + z[has].mean(0) - z[~has].mean(0), "expected shape (5,), got (8, 5)"),
    (lambda z, has: (z[has].mean(0), z[~has].mean(0)), "the list of 2 things"),
    (lambda z, has: -z[~has].mean(0), "those_without_alone"),
    (lambda z, has: z[has].max(0).values - z[~has].max(0).values, "extremes"),
    (lambda z, has: z[has].mean(0) / z[~has].mean(0), "quotient"),
    (lambda z, has: 2 * (z[has].mean(0) - z[~has].mean(0)), "doubled"),
    (by_covariance, "covariance"),
]

# ----------------------------------------------------------------- invert


def squares(made, images):
    return (made - images).square().sum()


def search(
    loss=squares,
    start=lambda z: z,
    count=lambda steps: steps,
    rate=lambda rate: rate,
    keep=lambda z: z,
    end=lambda z, loss: z,
    before=lambda generator: None,
):
    def answer(generator, images, steps, learning_rate, z):
        before(generator)
        z = start(z).detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([z], rate(learning_rate))
        lost = torch.zeros(())
        for _ in range(count(steps)):
            optimizer.zero_grad()
            lost = loss(generator(z), images)
            (z.grad,) = torch.autograd.grad(lost, z)
            optimizer.step()
            with torch.no_grad():
                z.copy_(keep(z))
        return end(z.detach(), lost.detach())

    return answer


def evaluated(generator):
    generator.eval()


def frozen(generator):
    for weight in generator.parameters():
        weight.requires_grad_(False)


def weights_as_well(generator, images, steps, learning_rate, z):
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z, *generator.parameters()], learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        squares(generator(z), images).backward()
        optimizer.step()
    return z.detach()


def new_leaf_each_time(generator, images, steps, learning_rate, z):
    z = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([z], learning_rate)
    for _ in range(steps):
        z = z.detach().requires_grad_()
        optimizer.zero_grad()
        squares(generator(z), images).backward()
        optimizer.step()
    return z.detach()


INVERT = [
    (search(start=torch.zeros_like), "some_number_of_steps"),
    (search(count=lambda steps: 100), "some_number_of_steps"),
    (search(rate=lambda rate: 0.05), "rate_ignored"),
    (
        search(loss=lambda made, images: squares(made, images.mean(0, keepdim=True))),
        "images_in_common",
    ),
    (search(keep=lambda z: z.clamp(-0.1, 0.1)), None),
    (search(end=lambda z, loss: (z, loss)), "got no tensor"),
    (search(end=lambda z, loss: loss), "got shape ()"),
    (search(end=lambda z, loss: z.numpy()), "a NumPy array"),
    (search(before=evaluated), "mode_changed"),
    (search(before=frozen), "requires_grad is left changed"),
    (search(loss=lambda made, images: (made - images).sum()), "ascended"),
    (
        search(loss=lambda made, images: (made.mean(0) - images.mean(0)).square().sum()),
        "images_in_common",
    ),
    (weights_as_well, "both_trained"),
    (new_leaf_each_time, "start_returned"),
]

# ----------------------------------------------------------------- inpaint


def mended(
    loss=lambda made, images, mask: squares(mask * made, mask * images),
    join=lambda made, images, mask: torch.where(mask == 1, images, made),
    start=lambda z: z,
    count=lambda steps: steps,
    rate=lambda rate: rate,
    mask_of=lambda mask: mask,
):
    def answer(decode, images, mask, steps, learning_rate, z):
        mask = mask_of(mask)
        z = start(z).detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([z], rate(learning_rate))
        for _ in range(count(steps)):
            (z.grad,) = torch.autograd.grad(loss(decode(z), images, mask), z)
            optimizer.step()
        return join(decode(z).detach(), images, mask)

    return answer


def mean_of_known(made, images, mask):
    known = (mask * images).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True)
    return torch.where(mask == 1, images, known.expand_as(images))


INPAINT = [
    (mended(count=lambda steps: 50), "steps_ignored"),
    (mended(rate=lambda rate: 0.05), "rate_ignored"),
    (mended(start=torch.zeros_like), "start_ignored"),
    (mended(start=torch.randn_like), "random_start"),
    (mended(mask_of=lambda mask: mask[:1]), "one_mask_for_all"),
    (mended(mask_of=lambda mask: 1 - mask), "mask_turned_round_everywhere"),
    (
        mended(join=lambda made, images, mask: torch.where(mask == 1, made, images)),
        "mask_turned_round_at_the_end",
    ),
    (
        mended(join=lambda made, images, mask: mask * images + (1 - mask) * made.mean()),
        "the hole: expected of the decoder",
    ),
    (
        mended(join=lambda made, images, mask: torch.where(mask == 1, (images + made) / 2, made)),
        "known pixels: expected exactly kept, got changed",
    ),
    (mended(join=mean_of_known), "the hole: expected of the decoder"),
    (
        mended(join=lambda made, images, mask: (1 - mask) * made),
        "known pixels: expected exactly kept",
    ),
    (mended(loss=lambda made, images, mask: (mask * (made - images)).sum()), None),
]

# ----------------------------------------------------------------- composite

COMPOSITE = [
    (lambda f, b, m: f * m + b * m, "mask_for_both"),
    (lambda f, b, m: b + m * (b - f), "difference_turned_round"),
    (lambda f, b, m: torch.maximum(f * m, b * (1 - m)), "brighter_one_wins"),
    (lambda f, b, m: f * m.round() + b * (1 - m.round()), "mask_made_hard"),
    (lambda f, b, m: torch.where(m.bool(), f, b), "mask_made_hard"),
    (lambda f, b, m: f * m.square() + b * (1 - m).square(), "mask_squared"),
    (lambda f, b, m: f * m.mean() + b * (1 - m.mean()), "mask_averaged"),
    (lambda f, b, m: f * m / m.max() + b * (1 - m / m.max()), None),
    (lambda f, b, m: f * (m * m * (3 - 2 * m)) + b * (1 - m * m * (3 - 2 * m)), "mask_smoothed"),
    (lambda f, b, m: (f * m + b * (1 - m)).detach(), "detached"),
    (lambda f, b, m: f * m.mT + b * (1 - m.mT), None),
    (lambda f, b, m: f * b * m, "images_multiplied"),
]

# ----------------------------------------------------------------- Gram matrix


def flat(features):
    return features.flatten(2)


def size(features):
    return features[0].numel()


GRAM = [
    (lambda f: flat(f) @ flat(f).mT / size(f) ** 0.5, "divided_by_the_root"),
    (lambda f: F.normalize(flat(f), dim=2) @ F.normalize(flat(f), dim=2).mT, "correlations"),
    (lambda f: flat(f).relu() @ flat(f).relu().mT / size(f), "rectified"),
    (lambda f: (flat(f) @ flat(f).mT / size(f)).abs(), "absolute"),
    (lambda f: (flat(f) @ flat(f).mT / size(f)).triu(), "upper_half"),
    (lambda f: flat(f).detach() @ flat(f).detach().mT / size(f), "detached"),
    (lambda f: (flat(f) / size(f)) @ (flat(f) / size(f)).mT, "divided_twice"),
    (lambda f: (flat(f) @ flat(f).mT / size(f)).flatten(1), "got (3, 16)"),
    (lambda f: flat(f) @ flat(f).mT / (size(f) * f.shape[1]), "divided_by_channels_once_more"),
    (lambda f: f.mean(2) @ f.mean(2).mT / size(f), None),
    (lambda f: flat(f) @ flat(f).mT / f.shape[1] ** 2, None),
    (lambda f: (flat(f) @ flat(f).mT).softmax(2), "softmax"),
]

# ----------------------------------------------------------------- augment


def changed(
    coin=lambda x, g: torch.rand(len(x), generator=g) < 0.5,
    shift=lambda x, limit, g: torch.randint(-limit, limit + 1, (len(x),), generator=g).tolist(),
    limits=lambda x: (x.shape[2] // 8, x.shape[3] // 8),
    light=lambda x, g: 0.5 * torch.rand(len(x), 1, 1, 1, generator=g) - 0.25,
    end=lambda x: x.clamp(-1, 1),
    rolled=False,
):
    """As a reader writes it, with a loop over the images."""

    def answer(images, generator):
        flip = coin(images, generator).reshape(-1, 1, 1, 1)
        images = torch.where(flip, images.flip(3), images)
        h, w = limits(images)
        downs, rights = shift(images, h, generator), shift(images, w, generator)
        moved = []
        for image, down, right in zip(images, downs, rights, strict=True):
            if rolled:
                moved.append(image.roll((down, right), (1, 2)))
                continue
            framed = F.pad(image, (w, w, h, h), value=-1.0)
            high, wide = image.shape[1:]
            moved.append(framed[:, h - down : h - down + high, w - right : w - right + wide])
        return end(torch.stack(moved) + light(images, generator))

    return answer


def one_for_all(x, limit, g):
    return torch.randint(-limit, limit + 1, (1,), generator=g).tolist() * len(x)


def in_the_unit(images, generator):
    return (changed()(images, generator) + 1) / 2


def contrast_too(images, generator):
    factor = 0.8 + 0.4 * torch.rand(len(images), 1, 1, 1, generator=generator)
    return changed()(images * factor, generator)


def with_the_flips(images, generator):
    return changed()(images, generator), torch.ones(len(images), dtype=torch.bool)


def one_number_for_both(images, generator):
    number = torch.rand(len(images), 1, 1, 1, generator=generator)
    way = changed(coin=lambda x, g: number < 0.5, light=lambda x, g: 0.5 * number - 0.25)
    return way(images, generator)


AUGMENT = [
    (changed(rolled=True), "image_at_the_edge"),
    (changed(coin=lambda x, g: torch.rand(1, generator=g) < 0.5), "all_flipped"),
    (changed(coin=lambda x, g: torch.rand(len(x), generator=g) < 0.25), "25% of them"),
    (changed(shift=one_for_all), "one_shift"),
    (
        changed(
            shift=lambda x, limit, g: torch.randint(0, limit + 1, (len(x),), generator=g).tolist()
        ),
        "one_way_only",
    ),
    (changed(limits=lambda x: (x.shape[2] // 4, x.shape[3] // 4)), "shifted_too_far"),
    (changed(limits=lambda x: (x.shape[3] // 8, x.shape[2] // 8)), "limits_swapped"),
    (changed(light=lambda x, g: 0.25 * torch.randn(len(x), 1, 1, 1, generator=g)), "too_bright"),
    (changed(light=lambda x, g: torch.rand(len(x), 1, 1, 1, generator=g) - 0.5), "too_bright"),
    (changed(end=lambda x: x.clamp(0, 1)), "clipped_to_the_unit"),
    (changed(end=torch.tanh), "squashed"),
    (changed(end=lambda x: (x.clamp(-1, 1) * 127.5).round() / 127.5), "values stay in [-1, 1]"),
    (in_the_unit, "nothing lies below 0"),
    (contrast_too, "noise"),
    (with_the_flips, "a list of 2 things"),
    (one_number_for_both, "flip and brightness go together"),
]

AGAIN = {
    "editing.slerp": SLERP,
    "editing.attribute_vector": VECTOR,
    "editing.invert": INVERT,
    "editing.inpaint": INPAINT,
    "editing.composite": COMPOSITE,
    "editing.gram_matrix": GRAM,
    "editing.augment": AUGMENT,
}

"""Answers to lessons 15a and 15b."""

import torch
import torch.nn.functional as F
from einops import einsum, rearrange


# slerp
def slerp_by_where(a, b, t):
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    u, v = a / length_a, b / length_b
    angle = torch.acos((u * v).sum(1, keepdim=True).clamp(-1 + 1e-7, 1 - 1e-7))
    turned = (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)
    straight = (1 - t) * u + t * v
    direction = torch.where(angle < 1e-3, straight, turned)
    return ((1 - t) * length_a + t * length_b) * direction


def slerp_by_basis(a, b, t):
    """Gram and Schmidt, angle from the chord: 2 arcsin of half of it."""
    u, v = F.normalize(a.double(), dim=1), F.normalize(b.double(), dim=1)
    angle = 2 * torch.asin(((u - v).norm(dim=1, keepdim=True) / 2).clamp(max=1))
    across = v - (u * v).sum(1, keepdim=True) * u
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-30)
    turned = torch.cos(t * angle) * u + torch.sin(t * angle) * across
    length = torch.lerp(a.norm(dim=1), b.norm(dim=1), t)[:, None]
    return (length * turned).to(a.dtype)


def slerp_by_loop(a, b, t):
    rows = []
    for x, y in zip(a, b, strict=True):
        u, v = x / x.norm(), y / y.norm()
        angle = torch.atan2((u - (u @ v) * v).norm(), u @ v)
        if angle < 1e-4:
            way = (1 - t) * u + t * v
        else:
            way = (torch.sin((1 - t) * angle) * u + torch.sin(t * angle) * v) / torch.sin(angle)
        rows.append(((1 - t) * x.norm() + t * y.norm()) * way)
    return torch.stack(rows)


def slerp_unfinished_where(a, b, t):
    """A chord, pushed out by its middle."""
    line = (1 - t) * a + t * b
    return line / line.norm(dim=1, keepdim=True) * (a.norm(dim=1, keepdim=True) ** 0.5)


def slerp_of_all_latents(a, b, t):
    return slerp_by_where(a.flatten()[None], b.flatten()[None], t).reshape(a.shape)


def slerp_squared_lengths(a, b, t):
    length = ((1 - t) * a.square().sum(1) + t * b.square().sum(1)).sqrt()[:, None]
    return length * F.normalize(slerp_by_where(a, b, t), dim=1)


# attribute_vector
def difference_by_matmul(latents, has_attribute):
    weights = has_attribute.to(latents.dtype)
    return weights @ latents / weights.sum() - (1 - weights) @ latents / (1 - weights).sum()


def difference_by_regression(latents, has_attribute):
    """The slope of a least-squares line on 0 and 1 is the difference of the means."""
    x = has_attribute.to(latents.dtype)
    x = x - x.mean()
    return (x[:, None] * latents).sum(0) / (x * x).sum()


def difference_by_index_add(latents, has_attribute):
    sums = latents.new_zeros(2, latents.shape[1]).index_add(0, has_attribute.long(), latents)
    counts = torch.bincount(has_attribute.long(), minlength=2)[:, None]
    without, with_it = sums / counts
    return with_it - without


def difference_of_halves(latents, has_attribute):
    """The first half of the list against the second, as if it were sorted."""
    half = (len(latents) + 1) // 2
    return latents[:half].mean(dim=0) - latents[half:].mean(dim=0)


def difference_of_squares(latents, has_attribute):
    return (latents**2)[has_attribute].mean(0) - (latents**2)[~has_attribute].mean(0)


def difference_of_all_pairs(latents, has_attribute):
    return latents[has_attribute][:, None] - latents[~has_attribute][None]


# invert
def invert_by_adam(generator, images, steps, learning_rate, z):
    found = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([found], lr=learning_rate)
    for _ in range(steps):
        loss = F.mse_loss(generator(found), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found.detach()


def invert_by_descent(generator, images, steps, learning_rate, z):
    z = z.detach()
    for _ in range(steps):
        z = z.requires_grad_() if z.is_leaf and z.requires_grad else z.clone().requires_grad_()
        error = (generator(z) - images).pow(2).sum()
        (slope,) = torch.autograd.grad(error, z)
        z = (z - learning_rate * slope).detach()
    return z


def invert_by_lbfgs(generator, images, steps, learning_rate, z):
    found = torch.nn.Parameter(z.clone())
    optimizer = torch.optim.LBFGS([found], lr=learning_rate)

    def closure():
        optimizer.zero_grad()
        loss = (generator(found) - images).abs().pow(2).flatten(1).sum(1).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return found.data


def invert_one_by_one(generator, images, steps, learning_rate, z):
    """Each image by itself, and the best step of each is kept."""
    results = []
    for image, start in zip(images, z, strict=True):
        found = start[None].clone().requires_grad_()
        optimizer = torch.optim.Adam([found], lr=learning_rate)
        best, kept = float("inf"), start
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (generator(found) - image[None]).square().mean()
            if loss.item() < best:
                best, kept = loss.item(), found.detach()[0].clone()
            loss.backward()
            optimizer.step()
        results.append(kept)
    return torch.stack(results)


def invert_towards_the_origin(generator, images, steps, learning_rate, z):
    return z * (1 - learning_rate) ** (10 * steps)


def invert_every_other(generator, images, steps, learning_rate, z):
    found = invert_by_adam(generator, images, steps, learning_rate, z)
    found[::2] = z[::2]
    return found


def invert_in_integers(generator, images, steps, learning_rate, z):
    return invert_by_adam(generator, images, steps, learning_rate, z).round().long()


# inpaint
def inpaint_by_where(decode, images, mask, steps, learning_rate, z):
    found = z.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([found], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        ((decode(found) - images).square() * mask).mean().backward()
        optimizer.step()
    with torch.no_grad():
        return torch.where(mask.bool(), images, decode(found))


def inpaint_by_index(decode, images, mask, steps, learning_rate, z):
    known = mask.expand_as(images) == 1
    found = torch.nn.Parameter(z.clone())
    optimizer = torch.optim.SGD([found], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (decode(found)[known] - images[known]).pow(2).sum().backward()
        optimizer.step()
    filled = decode(found).detach()
    filled[known] = images[known]
    return filled


def inpaint_in_double(decode, images, mask, steps, learning_rate, z):
    found = z.double().requires_grad_()
    optimizer = torch.optim.Adam([found], lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        ((decode(found) - images) * mask).abs().pow(2).sum().backward()
        optimizer.step()
    made = decode(found.detach()).to(images.dtype).detach()
    return images * mask + made * (1 - mask)


def inpaint_with_zeros(decode, images, mask, steps, learning_rate, z):
    return images * mask + 0.5 * (1 - mask)


def inpaint_from_the_next(decode, images, mask, steps, learning_rate, z):
    filled = inpaint_by_where(decode, images, mask, steps, learning_rate, z)
    return torch.where(mask.bool(), images, filled.roll(1, 3) + 0.1)


def inpaint_softly(decode, images, mask, steps, learning_rate, z):
    filled = inpaint_by_where(decode, images, mask, steps, learning_rate, z)
    return 0.9 * filled + 0.1 * decode(z).detach()


# composite
def composite_by_lerp(foreground, background, mask):
    return torch.lerp(background, foreground, mask)


def composite_by_difference(foreground, background, mask):
    return background + mask * (foreground - background)


def composite_by_einops(foreground, background, mask):
    alpha = rearrange(mask, "b 1 h w -> b h w")
    front = einsum(alpha, foreground, "b h w, b c h w -> b c h w")
    return front + einsum(1 - alpha, background, "b h w, b c h w -> b c h w")


def composite_screened(foreground, background, mask):
    """As two lamps on one wall."""
    return 1 - (1 - mask * foreground) * (1 - (1 - mask) * background)


def composite_wrong_sign(foreground, background, mask):
    return mask * foreground - (1 - mask) * background


def composite_mask_of_mean(foreground, background, mask):
    m = mask.mean(dim=0, keepdim=True)
    return m * foreground + (1 - m) * background


# gram_matrix
def gram_by_einsum(features):
    c, h, w = features.shape[1:]
    return torch.einsum("bihw,bjhw->bij", features, features) / (c * h * w)


def gram_by_einops(features):
    flat = rearrange(features, "b c h w -> b c (h w)")
    return einsum(flat, flat, "b i n, b j n -> b i j") / features[0].numel()


def gram_by_bmm(features):
    b, c, h, w = features.size()
    flat = features.view(b, c, h * w).double()
    return torch.bmm(flat, flat.transpose(1, 2)).div(c * h * w).to(features.dtype)


def gram_of_signs(features):
    return gram_by_einsum(features.sign())


def gram_root(features):
    return gram_by_einsum(features).abs().sqrt()


def gram_of_neighbors(features):
    return torch.einsum("bihw,bjhw->bij", features, features.roll(1, 3)) / features[0].numel()


# augment
def augment_by_gather(images, generator):
    batch, _, height, width = images.shape
    device = images.device

    def whole(limit):
        draws = torch.randint(-limit, limit + 1, (batch,), generator=generator, device=device)
        return draws.view(-1, 1, 1, 1)

    flip = torch.rand(batch, 1, 1, 1, generator=generator, device=device) < 0.5
    x = torch.where(flip, images.flip(-1), images)
    rows = torch.arange(height, device=device).view(1, 1, -1, 1) - whole(height // 8)
    columns = torch.arange(width, device=device).view(1, 1, 1, -1) - whole(width // 8)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    x = x.gather(2, rows.clamp(0, height - 1).expand(-1, x.shape[1], -1, width))
    x = x.gather(3, columns.clamp(0, width - 1).expand(-1, x.shape[1], height, -1))
    x = torch.where(inside, x, torch.full_like(x, -1.0))
    bright = torch.empty(batch, 1, 1, 1, device=device).uniform_(-0.25, 0.25, generator=generator)
    return (x + bright).clamp(-1, 1)


def augment_by_loop(images, generator):
    height, width = images.shape[-2:]
    done = []
    for image in images:
        bright = torch.rand(1, generator=generator).item() / 2 - 0.25
        if torch.randint(2, (1,), generator=generator):
            image = image.flip(2)
        limits = height // 8, width // 8
        down, right = (int(torch.randint(2 * n + 1, (1,), generator=generator)) - n for n in limits)
        moved = torch.full_like(image, -1.0)
        to_rows = slice(max(down, 0), height + min(down, 0))
        rows = slice(max(-down, 0), height - max(down, 0))
        to_columns = slice(max(right, 0), width + min(right, 0))
        columns = slice(max(-right, 0), width - max(right, 0))
        moved[:, to_rows, to_columns] = image[:, rows, columns]
        done.append((moved + bright).clip(-1, 1))
    return torch.stack(done)


def augment_by_grid(images, generator):
    """grid_sample on whole pixels; zeros come in, so black is moved to 0 meanwhile."""
    batch, _, height, width = images.shape
    down = torch.randint(-(height // 8), height // 8 + 1, (batch,), generator=generator)
    right = torch.randint(-(width // 8), width // 8 + 1, (batch,), generator=generator)
    sign = 1 - 2 * torch.randint(2, (batch,), generator=generator)
    affine = torch.zeros(batch, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1] = sign, 1
    affine[:, 0, 2] = -2 * right * sign / width
    affine[:, 1, 2] = -2 * down / height
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    moved = F.grid_sample(images + 1, grid, mode="bilinear", align_corners=False) - 1
    bright = 0.5 * torch.rand(batch, generator=generator) - 0.25
    return torch.clamp(moved + bright[:, None, None, None], min=-1, max=1)


def augment_three_quarters_flipped(images, generator):
    flip = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.8
    return augment_unflipped(torch.where(flip, images.flip(3), images), generator)


def augment_unflipped(images, generator):
    """As by_gather, without a coin: the caller has flipped."""
    batch, _, height, width = images.shape
    padded = F.pad(images, (width // 8,) * 2 + (height // 8,) * 2, value=-1.0)
    rows = torch.randint(2 * (height // 8) + 1, (batch,), generator=generator)
    columns = torch.randint(2 * (width // 8) + 1, (batch,), generator=generator)
    cut = [
        p[:, r : r + height, c : c + width]
        for p, r, c in zip(padded, rows.tolist(), columns.tolist(), strict=True)
    ]
    bright = torch.rand(batch, 1, 1, 1, generator=generator) / 2 - 0.25
    return (torch.stack(cut) + bright).clamp(-1, 1)


def augment_sorted(images, generator):
    """Flips are dealt out: half of the batch exactly, the first ones."""
    flip = (torch.arange(len(images)) < len(images) // 2).view(-1, 1, 1, 1)
    return augment_unflipped(torch.where(flip, images.flip(3), images), generator)


def augment_center_heavy(images, generator):
    """The mean of two draws: shifts that are not equally likely, brightness that is not uniform."""
    batch, _, height, width = images.shape
    flip = torch.rand(batch, 1, 1, 1, generator=generator) < 0.5
    x = torch.where(flip, images.flip(3), images)

    def two(limit):
        return (torch.randn(batch, generator=generator) * limit / 2).round().clamp(-limit, limit)

    padded = F.pad(x, (width // 8,) * 2 + (height // 8,) * 2, value=-1.0)
    rows = (two(height // 8) + height // 8).int().tolist()
    columns = (two(width // 8) + width // 8).int().tolist()
    cut = [
        p[:, r : r + height, c : c + width] for p, r, c in zip(padded, rows, columns, strict=True)
    ]
    bright = torch.rand(batch, 2, generator=generator).mean(1).view(-1, 1, 1, 1) / 2 - 0.25
    return (torch.stack(cut) + bright).clamp(-1, 1)


RIGHT = {
    "slerp": [slerp_by_where, slerp_by_basis, slerp_by_loop],
    "attribute_vector": [difference_by_matmul, difference_by_regression, difference_by_index_add],
    "invert": [invert_by_adam, invert_by_descent, invert_by_lbfgs, invert_one_by_one],
    "inpaint": [inpaint_by_where, inpaint_by_index, inpaint_in_double],
    "composite": [composite_by_lerp, composite_by_difference, composite_by_einops],
    "gram_matrix": [gram_by_einsum, gram_by_einops, gram_by_bmm],
    "augment": [augment_by_gather, augment_by_loop, augment_by_grid],
}

WRONG = {
    "slerp": [slerp_unfinished_where, slerp_of_all_latents, slerp_squared_lengths],
    "attribute_vector": [
        difference_of_halves,
        difference_of_squares,
        difference_of_all_pairs,
    ],
    "invert": [invert_towards_the_origin, invert_every_other, invert_in_integers],
    "inpaint": [inpaint_with_zeros, inpaint_from_the_next, inpaint_softly],
    "composite": [composite_screened, composite_wrong_sign, composite_mask_of_mean],
    "gram_matrix": [gram_of_signs, gram_root, gram_of_neighbors],
    "augment": [augment_three_quarters_flipped, augment_sorted, augment_center_heavy],
}

"""Ten wrong answers to the cases of clipped gradients and of the circling game, and their causes.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch


def norm_of(ps):
    return torch.cat([p.grad.flatten() for p in ps if p.grad is not None]).norm()


def scaled(factor, norm=norm_of):
    """Multiply every gradient by `factor(norm, c)`, return the norm before."""

    def clip(ps, c):
        size = norm(ps)
        for p in ps:
            if p.grad is not None:
                p.grad.mul_(factor(size, c))
        return size

    return clip


def each_alone(ps, c):
    size = norm_of(ps)
    for p in ps:
        if p.grad is not None:
            p.grad.mul_(min(1, c / p.grad.norm()))
    return size


def by_value(ps, c):
    size = norm_of(ps)
    for p in ps:
        if p.grad is not None:
            p.grad.clamp_(-c, c)
    return size


def parameters_scaled(ps, c):
    size = norm_of(ps)
    with torch.no_grad():
        for p in ps:
            p.mul_(min(1, c / size))
    return size


def norm_after(ps, c):
    scaled(lambda size, c: min(1, c / size))(ps, c)
    return norm_of(ps)


def none_crashes(ps, c):
    size = torch.cat([p.grad.flatten() for p in ps]).norm()
    for p in ps:
        p.grad.mul_(min(1, c / size))
    return size


def none_filled(ps, c):
    for p in ps:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    return none_crashes(ps, c)


def copies_scaled(ps, c):
    size = norm_of(ps)
    for p in ps:
        if p.grad is not None:
            grad = p.grad
            grad = grad * min(1, c / size)
    return size


def nothing_returned(ps, c):
    scaled(lambda size, c: min(1, c / size))(ps, c)


def only_counted(ps, c):
    return norm_of(ps).clamp(max=c)


CLIP = [
    (scaled(lambda size, c: c / size), "raises_small_gradients"),
    (scaled(lambda size, c: max(1, c / size)), "nothing_clipped"),
    (scaled(lambda size, c: min(1, size / c)), "nothing_clipped"),
    (scaled(lambda size, c: min(c, c / size)), "bounded_by_c"),
    (
        scaled(
            lambda size, c: min(1, c / size),
            lambda ps: sum(p.grad.norm() for p in ps if p.grad is not None),
        ),
        "sum_of_norms",
    ),
    (
        scaled(
            lambda size, c: min(1, c / size),
            lambda ps: sum(p.grad.square().sum() for p in ps if p.grad is not None),
        ),
        "square_not_rooted",
    ),
    (
        scaled(
            lambda size, c: min(1, c / size),
            lambda ps: max(p.grad.abs().max() for p in ps if p.grad is not None),
        ),
        "largest_number",
    ),
    (
        scaled(
            lambda size, c: min(1, c / size),
            lambda ps: sum(p.grad.abs().sum() for p in ps if p.grad is not None),
        ),
        "sum_of_numbers",
    ),
    (each_alone, "each_by_itself"),
    (by_value, "by_value"),
    (parameters_scaled, "weights_clipped"),
    (norm_after, "norm_after"),
    (none_crashes, "none_not_skipped"),
    (none_filled, "none_filled"),
    (copies_scaled, "nothing_clipped"),
    (nothing_returned, "nothing_returned"),
    (only_counted, None),
]


def alternating(x, y, lr):
    x = x - lr * y
    return x, y + lr * x


def looking_back(x, y, lr):
    seen_x, seen_y = x + lr * y, y - lr * x
    return x - lr * seen_y, y + lr * seen_x


def two_steps(x, y, lr):
    x, y = x - lr * y, y + lr * x
    return x - lr * y, y + lr * x


def one_looks_ahead(x, y, lr):
    return x - lr * (y + lr * x), y + lr * x


def swapped(x, y, lr):
    seen_x, seen_y = x - lr * y, y + lr * x
    return y + lr * seen_x, x - lr * seen_y


def by_signs(x, y, lr):
    seen_x, seen_y = x - lr * y, y + lr * x
    return x - lr * seen_y.sign(), y + lr * seen_x.sign()


def normalized(x, y, lr):
    size = (x**2 + y**2).sqrt()
    return x - lr * y / size, y + lr * x / size


def both_descend(x, y, lr):
    seen_x, seen_y = x - lr * y, y - lr * x
    return x - lr * seen_y, y - lr * seen_x


def game_turned_round(x, y, lr):
    seen_x, seen_y = x + lr * y, y - lr * x
    return x + lr * seen_y, y - lr * seen_x


def averaged(x, y, lr):
    new_x, new_y = x - lr * y, y + lr * x
    return (x + new_x) / 2, (y + new_y) / 2


def short_step_ahead(x, y, lr):
    seen_x, seen_y = x - lr * y, y + lr * x
    return seen_x - lr * seen_y, seen_y + lr * seen_x


GAME = [
    (lambda x, y, lr: (x - lr * y, y + lr * x), "simultaneous"),
    (alternating, "alternating"),
    (looking_back, "simultaneous"),
    (two_steps, "two_steps"),
    (one_looks_ahead, "alternating"),
    (swapped, "places_exchanged"),
    (by_signs, "signs_alone"),
    (normalized, None),
    (both_descend, "both_descend"),
    (game_turned_round, "signs_exchanged"),
    (averaged, "smaller_steps"),
    (lambda x, y, lr: (x * (1 - lr), y * (1 - lr)), "pull_to_zero"),
    (lambda x, y, lr: (x * 0, y * 0), "goal_returned"),
    (lambda x, y, lr: (x - lr * y - lr * x, y + lr * x - lr * y), "pull_to_zero"),
    (lambda x, y, lr: (x - 0.1 * lr * y, y + 0.1 * lr * x), "smaller_steps"),
    (lambda x, y, lr: (x - lr * y, y), "one_player"),
    (lambda x, y, lr: (x + lr * y, y - lr * x), "signs_exchanged"),
    (lambda x, y, lr: x - lr * y, None),
]


SLIPS = {
    "clinic.a11_clip": CLIP,
    "clinic.a12_game_step": GAME,
}

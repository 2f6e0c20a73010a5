"""Ten wrong answers to each case of the clinic's ward «who moves», and their causes: GAN steps.

`None`: no cause is known, and the message must not claim one. A text in the place of a name: what
the message itself says of the cause.
"""

import torch
import torch.nn.functional as F

softplus = F.softplus


def bce(logits, target, **how):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target), **how)


def d_step(loss_of):
    """A step whose loss is `loss_of(real_logits, fake_logits)`, and nothing else wrong."""

    def step(D, opt, x, fake):
        loss = loss_of(D(x), D(fake))
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step


def d_not_cleared(D, opt, x, fake):
    loss = bce(D(x), 1.0) + bce(D(fake), 0.0)
    loss.backward()
    opt.step()
    return loss


def d_cleared_late(D, opt, x, fake):
    loss = bce(D(x), 1.0) + bce(D(fake), 0.0)
    loss.backward()
    opt.zero_grad()
    opt.step()
    return loss


def d_no_step(D, opt, x, fake):
    loss = bce(D(x), 1.0) + bce(D(fake), 0.0)
    opt.zero_grad()
    loss.backward()
    return loss


def d_no_backward(D, opt, x, fake):
    loss = bce(D(x), 1.0) + bce(D(fake), 0.0)
    opt.zero_grad()
    opt.step()
    return loss


def d_nothing_returned(D, opt, x, fake):
    d_step(lambda r, f: bce(r, 1.0) + bce(f, 0.0))(D, opt, x, fake)


def d_two_steps(D, opt, x, fake):
    total = 0.0
    for images, label in ((x, 1.0), (fake, 0.0)):
        loss = bce(D(images), label)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total = total + loss
    return total


def d_cleared_between(D, opt, x, fake):
    real_loss, fake_loss = bce(D(x), 1.0), bce(D(fake), 0.0)
    opt.zero_grad()
    real_loss.backward()
    opt.zero_grad()
    fake_loss.backward()
    opt.step()
    return real_loss + fake_loss


def d_fakes_loss_returned(D, opt, x, fake):
    real_loss, fake_loss = bce(D(x), 1.0), bce(D(fake), 0.0)
    opt.zero_grad()
    (real_loss + fake_loss).backward()
    opt.step()
    return fake_loss


def by_sigmoid(r, f):
    return -(r.sigmoid().log().mean() + (1 - f.sigmoid()).log().mean())


D_STEP = [
    (d_step(lambda r, f: bce(f, 1.0) + bce(f, 1.0)), "fakes_called_real_twice"),
    (d_step(lambda r, f: bce(r, 1.0) + bce(f, 1.0)), "all_called_real"),
    (d_step(lambda r, f: bce(f, 0.0)), "fakes_alone"),
    (d_step(lambda r, f: bce(r, 1.0)), "reals_alone"),
    (d_step(lambda r, f: bce(r, 0.0) + bce(f, 1.0)), "groups_swapped"),
    (d_step(lambda r, f: bce(r, 0.0) + bce(f, 0.0)), "all_called_fake"),
    (d_step(lambda r, f: torch.cat([softplus(-r), softplus(f)]).mean()), "one_mean"),
    (d_step(lambda r, f: (bce(r, 1.0) + bce(f, 0.0)) / 2), "halved"),
    (d_step(lambda r, f: softplus(-r).sum() + softplus(f).sum()), "summed"),
    (d_step(lambda r, f: -bce(r, 1.0) - bce(f, 0.0)), "sign"),
    (d_step(by_sigmoid), "overflows"),
    (d_step(lambda r, f: bce(r.sigmoid(), 1.0) + bce(f.sigmoid(), 0.0)), "sigmoid_twice"),
    (d_step(lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean()), "least_squares"),
    (d_step(lambda r, f: bce(r, 0.9) + bce(f, 0.0)), "smoothed"),
    (d_not_cleared, "zero_grad_forgotten"),
    (d_cleared_late, "nothing_moves"),
    (d_no_step, "nothing_moves"),
    (d_no_backward, "nothing_moves"),
    (d_nothing_returned, "got None"),
    (d_two_steps, "two_steps"),
    (d_cleared_between, "cleared_between"),
    (d_fakes_loss_returned, None),
]


def g_step(loss_of):
    """A step whose loss is `loss_of(G, D, z)`, and nothing else wrong."""

    def step(G, D, og, od, z):
        loss = loss_of(G, D, z)
        og.zero_grad()
        loss.backward()
        og.step()
        return loss

    return step


def g_both_step(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    og.zero_grad()
    od.zero_grad()
    loss.backward()
    og.step()
    od.step()
    return loss


def g_wrong_optimizer(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    od.zero_grad()
    loss.backward()
    od.step()
    return loss


def g_not_cleared(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    loss.backward()
    og.step()
    return loss


def g_discriminator_cleared(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    od.zero_grad()
    loss.backward()
    og.step()
    return loss


def g_cleared_late(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    loss.backward()
    og.zero_grad()
    og.step()
    return loss


def g_nothing_backward(G, D, og, od, z):
    og.zero_grad()
    loss = bce(D(G(z)), 1.0)
    og.step()
    return loss


def g_no_step(G, D, og, od, z):
    loss = bce(D(G(z)), 1.0)
    og.zero_grad()
    loss.backward()
    return loss


def g_left_frozen(G, D, og, od, z):
    D.requires_grad_(False)
    return g_step(lambda G, D, z: bce(D(G(z)), 1.0))(G, D, og, od, z)


def g_no_graph(G, D, z):
    with torch.no_grad():
        return bce(D(G(z)), 1.0)


def g_blind_judge(G, D, z):
    fake = G(z)
    with torch.no_grad():
        logits = D(fake)
    return bce(logits, 1.0)


def g_images_returned(G, D, og, od, z):
    g_step(lambda G, D, z: bce(D(G(z)), 1.0))(G, D, og, od, z)
    return G(z)


def g_both_losses(G, D, og, od, z):
    """The judge's own step comes along."""
    fake = G(z)
    d_loss = bce(D(fake.detach()), 0.0)
    od.zero_grad()
    d_loss.backward()
    od.step()
    loss = bce(D(fake), 1.0)
    og.zero_grad()
    loss.backward()
    og.step()
    return loss


G_STEP = [
    (g_step(lambda G, D, z: (G(z) - 1).square().mean()), "label_as_image"),
    (g_step(lambda G, D, z: bce(G(z), 1.0)), "image_as_logit"),
    (g_both_step, "discriminator_moves"),
    (g_nothing_backward, "stands_still"),
    (g_step(lambda G, D, z: bce(D(G(z)), 0.0)), "label_fake"),
    (g_step(lambda G, D, z: -bce(D(G(z)), 0.0)), "saturating"),
    (g_step(lambda G, D, z: -bce(D(G(z)), 1.0)), "sign"),
    (g_step(lambda G, D, z: bce(D(G(z).detach()), 1.0)), "stands_still"),
    (g_step(g_blind_judge), "does not require grad"),
    (g_step(lambda G, D, z: -D(G(z)).sigmoid().log().mean()), "overflows"),
    (g_step(lambda G, D, z: bce(D(G(z)).sigmoid(), 1.0)), "sigmoid_twice"),
    (g_step(lambda G, D, z: -D(G(z)).mean()), "logits_alone"),
    (g_step(lambda G, D, z: -D(G(z)).sigmoid().mean()), "no_logarithm"),
    (g_step(lambda G, D, z: (D(G(z)) - 1).square().mean()), "least_squares"),
    (g_step(lambda G, D, z: bce(D(G(z)), 1.0, reduction="sum")), "summed"),
    (g_step(lambda G, D, z: bce(D(G(torch.randn_like(z))), 1.0)), "the global random state moved"),
    (g_step(lambda G, D, z: bce(D(z), 1.0)), None),
    (g_wrong_optimizer, "discriminator_moves_alone"),
    (g_not_cleared, "zero_grad_forgotten"),
    (g_discriminator_cleared, "zero_grad_forgotten"),
    (g_cleared_late, "stands_still"),
    (g_no_step, "stands_still"),
    (g_left_frozen, "discriminator_left_frozen"),
    (g_images_returned, None),
    (g_both_losses, "discriminator_trained_too"),
]


def d_not_asked(G, D, x, z):
    with torch.no_grad():
        fake_logits = D(G(z))
    return bce(D(x), 1.0) + bce(fake_logits, 0.0)


def d_frozen_generator(G, D, x, z):
    G.requires_grad_(False)
    return bce(D(x), 1.0) + bce(D(G(z)), 0.0)


def d_backward_inside(G, D, x, z):
    loss = bce(D(x), 1.0) + bce(D(G(z).detach()), 0.0)
    loss.backward()
    return loss


def d_cleared_generator(G, D, x, z):
    G.zero_grad()
    return bce(D(x), 1.0) + bce(D(G(z)), 0.0)


def d_whole_under_no_grad(G, D, x, z):
    with torch.no_grad():
        return bce(D(x), 1.0) + bce(D(G(z)), 0.0)


def cut(loss_of):
    return lambda G, D, x, z: loss_of(D(x), D(G(z).detach()))


D_LOSS = [
    (lambda G, D, x, z: bce(D(x), 1.0) + bce(D(G(z)), 0.0), "not_detached"),
    (lambda G, D, x, z: bce(D(x), 1.0) + bce(D(G(z)).detach(), 0.0), "logits_cut_off"),
    (lambda G, D, x, z: bce(D(x.detach()), 1.0) + bce(D(G(z)), 0.0), "not_detached"),
    (lambda G, D, x, z: bce(D(x), 1.0) + bce(D(G(z.detach())), 0.0), "not_detached"),
    (
        lambda G, D, x, z: bce(D(x), 1.0) + bce(D(G(torch.randn_like(z)).detach()), 0.0),
        "the global random state moved",
    ),
    (lambda G, D, x, z: (bce(D(x), 1.0) + bce(D(G(z).detach()), 0.0)).detach(), "no_graph"),
    (lambda G, D, x, z: (bce(D(x), 1.0) + bce(D(G(z).detach()), 0.0)).item(), "no_graph"),
    (d_not_asked, "logits_cut_off"),
    (d_whole_under_no_grad, "no_graph"),
    (d_frozen_generator, "G_left_frozen"),
    (d_backward_inside, "backward_inside"),
    (d_cleared_generator, "not_detached"),
    (cut(lambda r, f: bce(r, 1.0) + bce(f, 1.0)), "all_called_real"),
    (cut(lambda r, f: bce(r, 0.0) + bce(f, 1.0)), "groups_swapped"),
    (cut(lambda r, f: bce(r, 1.0)), "reals_alone"),
    (cut(lambda r, f: bce(f, 0.0)), "fakes_alone"),
    (cut(lambda r, f: (bce(r, 1.0) + bce(f, 0.0)) / 2), "halved"),
    (cut(lambda r, f: torch.cat([softplus(-r), softplus(f)]).mean()), "one_mean"),
    (cut(lambda r, f: softplus(-r).sum() + softplus(f).sum()), "summed"),
    (cut(lambda r, f: -bce(r, 1.0) - bce(f, 0.0)), "sign"),
    (cut(by_sigmoid), "overflows"),
    (cut(lambda r, f: bce(r.sigmoid(), 1.0) + bce(f.sigmoid(), 0.0)), "sigmoid_twice"),
]


def renamed(slips, **other):
    """The same slips, where another exercise has another name for a cause."""
    return [(answer, other.get(cause, cause)) for answer, cause in slips]


SLIPS = {
    "clinic.c3_d_step": D_STEP,
    "clinic.a1_d_step": renamed(D_STEP, fakes_called_real_twice="fakes_called_real"),
    **dict.fromkeys(
        ("clinic.c4_g_step", "clinic.c16_g_step", "clinic.c24_g_step", "clinic.c36_g_step"), G_STEP
    ),
    "clinic.c22_d_loss": D_LOSS,
    "clinic.c26_d_loss": renamed(D_LOSS, not_detached="reaches_G"),
}

"""Check of `c9_encoder`: any network will do. Oracle of the KL: torch.distributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import uniform
from .c31_vae import BATCH_IN_ONE_ROW, NEEDS_A_BATCH, SPLIT_BY_BATCH
from .influence import form, influence, orders_rows

NAMES = ("mean", "log_var", "kl")


def image_cases(g: torch.Generator) -> list[Case]:
    return [
        Case({"x": uniform(g, count, 1, 28, 28)}, about)
        for count, about in ((4, "four images"), (1, "one image"), (3, "three images"))
    ]


def look(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    x = inputs["x"]
    record: dict[str, Any] = dict.fromkeys(
        ("count", "forms", *NAMES, "pairs", "parts", "order", "graph")
    )
    result = answer(x)
    if result is Ellipsis:
        raise NotImplementedError
    several = isinstance(result, tuple | list)
    if not several or len(result) != 3:
        inside = ", ".join(map(form, result)) if several else ""
        record["count"] = f"{len(result)} things ({inside})" if several else form(result)
        return record
    record["count"] = "3 things"
    record["forms"] = [form(part) for part in result]
    if record["forms"] != [f"float32 of shape {s}" for s in wanted(len(x))]:
        return record
    record |= {n: part.detach().clone() for n, part in zip(NAMES, result, strict=True)}

    def codes(images: Tensor) -> Tensor:
        return torch.cat(answer(images)[:2], 1)

    record["pairs"], record["parts"] = influence(codes, x)
    record["order"] = orders_rows(codes, x)
    record["graph"] = all(part.requires_grad for part in result)
    return record


def wanted(count: int) -> list[tuple]:
    return [(count, 2), (count, 2), (count,)]


def encoder_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": record["count"]}
    for name, came in zip(NAMES, record["forms"] or (), strict=False):
        facts[name] = came
    if record["pairs"] is None:
        return facts
    pairs = record["pairs"]
    itself = torch.eye(len(pairs), dtype=torch.bool)
    return facts | {
        "a code depends on its image": bool(pairs[itself].all()),
        "a code depends on no other image": not bool(pairs[~itself].any()),
        "every quarter of an image has a say": bool(record["parts"].all()),
        "it matters where in the image its rows lie": record["order"],
        "mean and log_var differ": not torch.equal(record["mean"], record["log_var"]),
        "kl, as a multiple of the KL of mean and log_var": multiple(record),
        "all three results keep their graph": record["graph"],
    }


def multiple(record: Mapping[str, Any]) -> str:
    """The factor between the kl that came and the right one, where it is one for all images."""
    m, log_var, came = (record[n].double() for n in NAMES)
    right = kl_divergence(Normal(m, (log_var / 2).exp()), Normal(torch.zeros_like(m), 1.0)).sum(1)
    ratio = came / right
    if not torch.allclose(came, ratio[0] * right, rtol=1e-3, atol=1e-5):
        return next(
            (
                name
                for name, terms in OTHER_KLS.items()
                if torch.allclose(came, terms(m, log_var).sum(1), rtol=1e-3, atol=1e-5)
            ),
            "no fixed one",
        )
    nearest = min((0.25, 0.5, 1, 2, -1), key=lambda r: abs(ratio[0].item() - r))
    return str(nearest) if abs(ratio[0].item() - nearest) < 2e-3 else "no fixed one"


def latent_terms(mean: Tensor, log_var: Tensor) -> Tensor:
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


# What else a kl may be, of the mean and log_var that came with it.
OTHER_KLS = {
    "that of a log_var read as a log of the standard deviation": lambda m, v: latent_terms(
        m, 2 * v
    ),
    "that of a mean of 0": lambda m, v: latent_terms(0 * m, v),
    "that of mean and log_var in the other order": lambda m, v: latent_terms(v, m),
    "that of a standard deviation in the place of log_var": lambda m, s: latent_terms(
        m, 2 * s.clamp(min=1e-12).log()
    ),
    "the entropy's part": lambda m, v: 0.5 * (1 + v),
}


class Kept:
    """An encoder that makes its layers anew at each call, always the same ones."""

    def __init__(self, before: Callable, kl: Callable = lambda t: t.sum(-1), after=None):
        self.before, self.kl, self.after = before, kl, after or (lambda *parts: parts)

    def __call__(self, x: Tensor) -> Any:
        torch.manual_seed(7)
        network = nn.Sequential(nn.LazyLinear(12), nn.Tanh(), nn.LazyLinear(4))
        mean, log_var = (2 * network(self.before(x))).chunk(2, -1)
        return self.after(mean, log_var, self.kl(latent_terms(mean, log_var)))


def with_kl(mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return mean, log_var, latent_terms(mean, log_var).sum(-1)


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def pixels_last(x: Tensor) -> Tensor:
    """As Keras has images: the channel is the last axis, and a dense layer takes it for all."""
    return x.movedim(1, -1)


EXERCISE = Exercise(
    name="clinic.c9_encoder",
    signature="(x)",
    outputs=NAMES,
    oracle=Kept(flat),
    cases=image_cases,
    call=look,
    facts=encoder_facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "not_flattened",
            Kept(pixels_last),
            "There is still a code for every pixel: the linear layer acts on the last axis, which "
            "is the channel. That is no bottleneck. Flatten each image first.",
            also=(Kept(pixels_last, kl=lambda t: t),),
        ),
        Misconception(
            "rows_coded",
            Kept(lambda x: x),
            "There is a code for every row of pixels: a linear layer acts on the last axis. "
            "Flatten each image first.",
            also=(Kept(lambda x: x, kl=lambda t: t), Kept(lambda x: x.squeeze(1))),
        ),
        Misconception(
            "channel_kept",
            Kept(lambda x: x.flatten(2)),
            "The channel axis is still there: flatten each image from axis 1 on, not from axis 2.",
            also=(Kept(lambda x: x.flatten(2), kl=lambda t: t.sum((1, 2))),),
        ),
        BATCH_IN_ONE_ROW,
        SPLIT_BY_BATCH,
        NEEDS_A_BATCH,
        Misconception(
            "squeezed",
            lambda x: F.linear(x.squeeze().flatten(1), torch.zeros(32, 784)),
            "squeeze() takes the batch axis away where the batch is one image. Flatten each image "
            "from axis 1 on, which is right for every number of images.",
            error="(28x28 and 784x",
        ),
        Misconception(
            "pixels_averaged",
            Kept(pixels_last, after=lambda m, v, kl: with_kl(m.mean((1, 2)), v.mean((1, 2)))),
            "One code for each image, made as a mean over its pixels' or rows' codes: where a "
            "stroke lies no longer matters. Flatten, so that each pixel has weights of its own.",
            also=(
                Kept(lambda x: x, after=lambda m, v, kl: with_kl(m.mean((1, 2)), v.mean((1, 2)))),
            ),
        ),
        Misconception(
            "batch_standardized",
            Kept(lambda x: (flat(x) - x.mean()) / (x.std() + 1e-6)),
            "Mean and standard deviation of the whole batch enter, so a code changes with the "
            "other images. Use numbers that are known before, or each image's own.",
            also=(Kept(lambda x: flat(x) - flat(x).mean(0)),),
        ),
        Misconception(
            "log_var_as_log_std",
            Kept(flat, after=lambda m, v, kl: (m, v, latent_terms(m, 2 * v).sum(-1))),
            "The KL reads log_var as the logarithm of the standard deviation. exp(log_var) is the "
            "variance already.",
        ),
        Misconception(
            "mean_missing",
            Kept(flat, after=lambda m, v, kl: (m, v, latent_terms(0 * m, v).sum(-1))),
            "The mean does not occur in the KL: a code may sit anywhere without paying. Its square "
            "is missing.",
        ),
        Misconception(
            "outputs_swapped",
            Kept(flat, after=lambda m, v, kl: (v, m, kl)),
            "The KL is that of the two in the other order: return the mean first, then log_var.",
        ),
        Misconception(
            "std_given",
            Kept(flat, after=lambda m, v, kl: (m, (v / 2).exp(), kl)),
            "The second result is the standard deviation. log_var is wanted, the logarithm of the "
            "variance, which has no bounds.",
        ),
        Misconception(
            "entropy_part",
            Kept(flat, after=lambda m, v, kl: (m, v, 0.5 * (1 + v).sum(-1))),
            "This is the code's entropy, but for a constant, and not how far it is from the prior "
            "(case F7).",
        ),
        Misconception(
            "kl_cut_off",
            Kept(flat, after=lambda m, v, kl: (m, v, kl.detach())),
            "The KL is right and cut from the graph: it could not train the encoder.",
            also=(Kept(flat, after=lambda *parts: tuple(p.detach() for p in parts)),),
        ),
        Misconception(
            "kl_not_reduced",
            Kept(flat, kl=lambda t: t),
            "The codes are right. The KL still has one value for each latent: add over the last "
            "axis, one value an image.",
        ),
        Misconception(
            "kl_of_the_batch",
            Kept(flat, kl=torch.sum),
            "The KL was reduced over the batch as well. One value for each image is wanted.",
            also=(Kept(flat, kl=lambda t: t.sum(-1).mean()), Kept(flat, kl=torch.mean)),
        ),
        Misconception(
            "kl_over_images",
            Kept(flat, kl=lambda t: t.sum(0)),
            "The KL was added over the images, axis 0, and each latent kept a value of its own. It "
            "is the other way round: add over the latents.",
        ),
        Misconception(
            "kl_halved",
            Kept(flat, kl=lambda t: t.mean(-1)),
            "The KL is half of what it should be. Were the two latents averaged? They are "
            "independent, so their divergences add. Or does the 1/2 come twice?",
        ),
        Misconception(
            "kl_doubled",
            Kept(flat, kl=lambda t: 2 * t.sum(-1)),
            "The KL is twice too large: its 1/2 in front is missing.",
        ),
        Misconception(
            "kl_sign",
            Kept(flat, kl=lambda t: -t.sum(-1)),
            "The KL has the wrong sign: a divergence is never negative.",
        ),
        Misconception(
            "kl_missing",
            Kept(flat, after=lambda mean, log_var, kl: (mean, log_var)),
            "Two things come back. The third is the KL to the prior, one value an image.",
        ),
        Misconception(
            "batch_as_one",
            Kept(lambda x: x.reshape(1, -1)),
            "The whole batch went through in one row. Flatten from axis 1 on.",
        ),
        Misconception(
            "parameters_as_one",
            Kept(flat, after=lambda mean, log_var, kl: (torch.cat([mean, log_var], 1), kl)),
            "mean and log_var come in one tensor. Split it: chunk(2, dim=1).",
        ),
        Misconception(
            "one_head",
            Kept(flat, after=lambda m, v, kl: (m, m, latent_terms(m, m).sum(-1))),
            "mean and log_var are the same numbers. Each needs weights of its own.",
        ),
        Misconception(
            "one_row_seen",
            Kept(lambda x: x[:, 0, 0]),
            "Parts of the image have no say: only some of its pixels reach the encoder.",
            also=(Kept(lambda x: x[:, 0, :14].flatten(1)),),
        ),
    ),
    hints=(
        "Print the shape of the code for a batch of four. How many numbers does it have for each "
        "image, and how many has the image?",
        "x.flatten(1) makes one row of each image. LazyLinear then takes 784 numbers.",
        "The KL of each latent is (mean² + exp(log_var) - 1 - log_var) / 2; what stands for one "
        "image is their sum over the last axis.",
    ),
)

"""Check of `importance_bound`. Oracle: weights added one by one with torch.logaddexp."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..declare import Case, Exercise, Misconception
from ..random_inputs import normal
from ..wrong_formulas import IN_BITS, in_bits, negated


def weight_cases(generator: torch.Generator) -> list[Case]:
    def log_weights(samples: int, batch: int, level: float = 0.0, **kind) -> dict[str, Tensor]:
        return {"log_weights": level + 1.5 * normal(generator, samples, batch, **kind)}

    double = {"dtype": torch.float64}
    levels = log_weights(4, 3, **double)
    levels["log_weights"] += torch.tensor([-900.0, 0.0, 800.0], dtype=torch.float64)
    impossible = log_weights(5, 3, -2.0, **double)
    # the first draw, and the last: who measures the others from it meets -inf minus -inf
    impossible["log_weights"][[0, 4], [0, 2]] = -math.inf
    return [
        Case(log_weights(5, 3, -1.0, **double), gradients=("log_weights",)),
        Case(log_weights(1, 4, **double), "K = 1"),
        Case(log_weights(4, 1, 0.5, **double), "a batch of one"),
        Case(log_weights(3, 6, -0.5), "in float32"),
        Case(log_weights(6, 2, -90.0), "around -90 nats, float32", extreme=True),
        Case(log_weights(3, 2, -1200.0), "around -1200 nats, float32", extreme=True),
        Case(log_weights(2, 3, 800.0), "around 800 nats, float32", extreme=True),
        Case(levels, "examples 800 nats apart", extreme=True),
        Case(impossible, "some weights are 0", extreme=True),
    ]


def bound(log_weights: Tensor) -> Tensor:
    total = log_weights[0]
    for row in log_weights[1:]:
        total = torch.logaddexp(total, row)
    return total - math.log(len(log_weights))


def leveled(level):
    """The level `level(log_weights)` is taken out of the weights and put back behind the log."""

    def answer(log_weights):
        taken = level(log_weights)
        return (log_weights - taken).exp().mean(0).log() + taken

    return answer


def largest_held(log_weights):
    """The largest log-weight is cut from the graph in one of its two places."""
    highest = log_weights.amax(0)
    return (log_weights - highest).exp().mean(0).log() + highest.detach()


def largest_held_inside(log_weights):
    highest = log_weights.amax(0)
    return (log_weights - highest.detach()).exp().mean(0).log() + highest


def zeros_dropped(log_weights):
    return torch.stack([bound(column[column > -math.inf]) for column in log_weights.T])


def cut_anew(log_weights):
    draws, batch = log_weights.shape
    return bound(log_weights.reshape(batch, draws).T)


def shares_of_the_batch(log_weights):
    shares = log_weights.flatten().softmax(0).reshape(log_weights.shape)
    return torch.where(shares > 0, shares * log_weights, 0.0).sum(0)


def logarithm_of_shares(log_weights):
    return log_weights.flatten().softmax(0).reshape(log_weights.shape).sum(0).log()


def logarithm_of_k_as(change):
    return lambda log_weights: torch.logsumexp(log_weights, 0) - change(len(log_weights))


def weighted_by_themselves(log_weights):
    shares = log_weights.softmax(0)
    return torch.where(shares > 0, shares * log_weights, 0.0).sum(0)


SMALLEST = torch.finfo(torch.float32).tiny


def lifted(eps):
    return lambda log_weights: (log_weights.exp().mean(0) + eps).log()


EXERCISE = Exercise(
    name="elbo.importance_bound",
    signature="(log_weights)",
    unit="nats",
    oracle=bound,
    cases=weight_cases,
    misconceptions=(
        Misconception(
            "in_double",
            lambda log_weights: bound(log_weights.double()),
            "The values are right, and came back in double precision. Return the dtype that came "
            "in.",
        ),
        Misconception(
            "one_level_for_all",
            leveled(lambda log_weights: log_weights.max()),
            "One level, such as the largest log-weight of the whole batch, was taken out of all "
            "examples. They differ by hundreds of nats, and what is right for one is out of range "
            "for another: each example needs its own largest, along the first axis.",
            also=(
                leveled(lambda log_weights: log_weights.mean()),
                leveled(lambda log_weights: log_weights.median()),
                leveled(lambda log_weights: log_weights.min()),
            ),
        ),
        Misconception(
            "double_is_not_enough",
            lambda log_weights: log_weights.double().exp().mean(0).log(),
            "The exponential was taken in double precision. That moves the limit and does not lift "
            "it: exp(-746) is 0 in double as well. Take each example's largest log-weight out "
            "first, and return the dtype that came in.",
        ),
        Misconception(
            "level_may_be_infinite",
            leveled(lambda log_weights: log_weights.mean(0)),
            "What was taken out is -inf where a weight is 0, and -inf minus -inf is nan. The "
            "largest log-weight of an example is finite as long as one of its weights is not 0.",
            also=(
                leveled(lambda log_weights: log_weights.amin(0)),
                leveled(lambda log_weights: log_weights[0]),
                leveled(lambda log_weights: log_weights[-1]),
            ),
        ),
        Misconception(
            "fixed_level",
            leveled(lambda log_weights: -500.0),
            "A fixed number was taken out of the log-weights. They may lie anywhere: take each "
            "example's own largest.",
            also=tuple(
                leveled(lambda log_weights, level=level: level) for level in (-1000.0, -100.0)
            ),
        ),
        Misconception(
            "level_without_graph",
            largest_held,
            "The largest log-weight was cut from the graph in one of its two places. Either it "
            "passes gradients in both, where they cancel, or in neither.",
            also=(largest_held_inside,),
        ),
        Misconception(
            "cut_anew",
            cut_anew,
            "The log-weights were reshaped from (K, B) to (B, K). reshape cuts the row of numbers "
            "anew, so draws of different examples got mixed; to exchange two axes is another "
            "operation.",
        ),
        Misconception(
            "softmax_over_everything",
            shares_of_the_batch,
            "The softmax went over all examples at once, so the shares of one example do not add "
            "to 1; and a softmax is not needed here at all: every draw counts 1 / K.",
            also=(logarithm_of_shares,),
        ),
        Misconception(
            "logarithm_of_a_softmax",
            lambda log_weights: log_weights.softmax(0).mean(0).log(),
            "Normalized weights add to 1 whatever the weights are, so their mean is always 1 / K. "
            "Average the weights as they are.",
        ),
        Misconception(
            "zeros_not_counted",
            zeros_dropped,
            "Draws of weight 0 were left out and not counted. A draw that x is impossible under is "
            "a draw too: it adds nothing to the sum, and counts in K.",
        ),
        Misconception(
            "k_without_logarithm",
            logarithm_of_k_as(lambda k: k),
            "K itself was subtracted. Dividing by K inside the logarithm subtracts log K.",
        ),
        Misconception(
            "another_logarithm_of_k",
            logarithm_of_k_as(math.log10),
            "The logarithm of K is to another base than that of the sum. Both are natural.",
            also=(logarithm_of_k_as(math.log2),),
        ),
        Misconception(
            "one_draw_more",
            logarithm_of_k_as(lambda k: math.log(k + 1)),
            "The number of draws is off by one: K is the length of the first axis.",
            also=(logarithm_of_k_as(lambda k: math.log(k - 1) if k > 1 else 0.0),),
        ),
        Misconception(
            "no_logarithm_after_the_level",
            lambda log_weights: (
                log_weights.amax(0) + (log_weights - log_weights.amax(0)).exp().mean(0)
            ),
            "The level was put back, and what it was taken out of is still a mean of weights: its "
            "logarithm is missing.",
        ),
        Misconception(
            "in_bits",
            in_bits(bound),
            IN_BITS,
        ),
        Misconception(
            "exponential_before_logarithm",
            lambda log_weights: log_weights.exp().mean(0).log(),
            "exp(-1000) is 0 in floating point and exp(800) is inf, and their logarithm does not "
            "come back. Take each example's largest log-weight out first; one function of torch "
            "does so.",
        ),
        Misconception(
            "lifted_by_a_constant",
            lifted(1e-8),
            "A small constant inside the logarithm is far larger than weights of exp(-90): it "
            "hides the answer instead of saving it. Take the largest log-weight out first.",
            also=(lifted(1e-6), lifted(1e-7), lifted(torch.finfo(torch.float32).eps)),
        ),
        Misconception(
            "floor_inside_the_logarithm",
            lifted(1e-12),
            "A small constant inside the logarithm sets a floor at its own logarithm, far above "
            "weights of exp(-90). Take the largest log-weight out first.",
            also=tuple(map(lifted, (1e-10, 1e-15, 1e-16, 1e-20, 1e-30, SMALLEST))),
        ),
        Misconception(
            "log_weights_clamped",
            lambda log_weights: bound(log_weights.clamp(min=-1000)),
            "The log-weights were clamped. Beyond a clamp every weight is the same; subtracting "
            "the largest one keeps their differences, however far out they lie.",
            also=tuple(
                lambda log_weights, low=low, high=high: bound(log_weights.clamp(low, high))
                for low in (-700, -500, -100, -88, -80, -50)
                for high in (-low, None)
            ),
        ),
        Misconception(
            "mean_of_logarithms",
            lambda log_weights: log_weights.mean(0),
            "This is the mean of the logarithms, an ELBO whatever K is. Wanted is the logarithm of "
            "the mean: average the weights, then take the logarithm.",
        ),
        Misconception(
            "sum_of_weights",
            lambda log_weights: torch.logsumexp(log_weights, 0),
            "The weights were added, not averaged: log K is still to be subtracted. Without that "
            "the «bound» grows with K past log p(x).",
        ),
        Misconception(
            "log_k_added",
            lambda log_weights: torch.logsumexp(log_weights, 0) + math.log(len(log_weights)),
            "log K has the wrong sign: dividing by K subtracts log K.",
        ),
        Misconception(
            "divided_by_k",
            lambda log_weights: torch.logsumexp(log_weights, 0) / len(log_weights),
            "The logarithm was divided by K. The sum inside it is to be divided: that subtracts "
            "log K.",
        ),
        Misconception(
            "averaged_over_examples",
            lambda log_weights: torch.logsumexp(log_weights, 1) - math.log(log_weights.shape[1]),
            "The average went over the batch. The first axis holds the K draws, the second the "
            "examples: (K, B) to (B,).",
        ),
        Misconception(
            "counts_the_batch",
            lambda log_weights: torch.logsumexp(log_weights, 0) - math.log(log_weights.shape[1]),
            "The logarithm of the batch size was subtracted. K is the length of the first axis.",
        ),
        Misconception(
            "counts_everything",
            lambda log_weights: torch.logsumexp(log_weights, 0) - math.log(log_weights.numel()),
            "The logarithm of K · B was subtracted. Only the K draws of one example are averaged.",
        ),
        Misconception(
            "largest_weight",
            lambda log_weights: log_weights.amax(0),
            "This is the largest log-weight alone. It has to be put back after the average, not in "
            "its place.",
        ),
        Misconception(
            "level_not_put_back",
            lambda log_weights: bound(log_weights - log_weights.amax(0)),
            "The largest log-weight was taken out and not added again.",
        ),
        Misconception(
            "weights_weigh_themselves",
            weighted_by_themselves,
            "The log-weights were averaged with the normalized weights (a softmax). Here every "
            "draw counts 1 / K: q has already seen to the rest.",
        ),
        Misconception(
            "mean_weight",
            lambda log_weights: log_weights.exp().mean(0),
            "The logarithm at the end is missing.",
        ),
        Misconception(
            "sign",
            negated(bound),
            "This is a loss, the bound with a minus. The bound itself is wanted.",
        ),
        Misconception(
            "batch_averaged",
            lambda log_weights: bound(log_weights).mean(),
            "The batch was averaged too. Give one bound for each example, (B,).",
        ),
        Misconception(
            "everything_in_one_mean",
            lambda log_weights: bound(log_weights.reshape(-1)),
            "The weights of all examples went into one mean. Each example has an evidence of its "
            "own: average over the first axis alone.",
        ),
    ),
    hints=(
        "The weights themselves are to be averaged over the first axis, and the logarithm comes "
        "last. What does exp do to a log-weight of -1000?",
        "log of a mean = log of a sum minus log K. For the first there is a function that never "
        "leaves the logarithms.",
        "torch.logsumexp over the first axis; K is the number of rows.",
    ),
)

"""Check of `ema_update`. Oracle: `torch.optim.swa_utils.get_ema_multi_avg_fn`, buffers copied."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal, uniform
from ..steps import weights, with_weights


class Tiny(nn.Module):
    """A layer, a batch normalization with its three buffers, and a buffer of the network's own."""

    def __init__(self, vector: Tensor, buffers: Mapping[str, Tensor]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.register_buffer("code", torch.zeros(2))
        with_weights(self.to(vector.dtype), vector)
        for name, buffer in self.named_buffers():
            buffer.copy_(buffers[name.rpartition(".")[2]])


def ema_cases(g: torch.Generator) -> list[Case]:
    def network(dtype: torch.dtype, steps: int) -> dict:
        buffers = {
            "running_mean": normal(g, 4, dtype=dtype),
            "running_var": uniform(g, 4, dtype=dtype) + 0.3,
            "num_batches_tracked": torch.tensor(steps),
            "code": normal(g, 2, dtype=dtype),
        }
        return {"weights": normal(g, 24, dtype=dtype), "buffers": buffers}

    def inputs(decay: float, dtype: torch.dtype = torch.float64) -> dict[str, Plain]:
        return {"average": network(dtype, 7), "model": network(dtype, 5), "decay": decay}

    return [
        Case(inputs(0.9), "decay = 0.9"),
        Case(inputs(0.7, torch.float32), "decay = 0.7, in float32"),
        Case(inputs(0.99), "decay = 0.99"),
        Case(inputs(0.0), "decay = 0", extreme=True),
    ]


def update(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Two calls, the model standing still; then what both networks hold."""
    networks = (inputs["average"], inputs["model"])
    average, model = (Tiny(n["weights"], n["buffers"]) for n in networks)
    before = list(average.parameters())
    places = storage(average.parameters()), storage(average.buffers())
    returned = False
    for _ in range(2):
        result = answer(average, model, inputs["decay"])
        if result is Ellipsis:
            raise NotImplementedError
        returned = returned or result is not None
    now = list(average.parameters())
    return {
        "weights": weights(average),
        "model": weights(model),
        **buffers_of(average, "buffer "),
        **buffers_of(model, "model's "),
        "same": len(now) == len(before) and all(a is b for a, b in zip(before, now, strict=True)),
        "in place": storage(average.parameters()) == places[0],
        "buffers in place": storage(average.buffers()) == places[1],
        "shared": bool(set(storage(average.buffers())) & set(storage(model.buffers()))),
        "returned": returned,
        "open": all(p.requires_grad and p.is_leaf for p in now),
        "training": average.training and model.training,
    }


def storage(tensors: Iterable[Tensor]) -> list[int]:
    """Where the numbers lie in memory."""
    return [tensor.data_ptr() for tensor in tensors]


def buffers_of(network: nn.Module, prefix: str) -> dict[str, Plain]:
    return {prefix + name.rpartition(".")[2]: b.clone() for name, b in network.named_buffers()}


def ema_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    told = inputs["model"]["buffers"]
    stays = torch.equal(record["model"], inputs["model"]["weights"])
    kept = all(torch.equal(record[f"model's {name}"], b) for name, b in told.items())
    facts: dict[str, Plain] = {
        "the model stays as it was": stays and kept,
        "the average's parameters are the same tensors as before, changed in place": record["same"],
        "the average's parameters lie where they lay, written in place": record["in place"],
        "the average's parameters after two updates": record["weights"],
    }
    for name in told:
        facts[f"the average's buffer {name}"] = record[f"buffer {name}"]
    facts["the two networks share no buffer"] = not record["shared"]
    facts["the average's buffers lie where they lay, written in place"] = record["buffers in place"]
    facts["nothing is returned"] = not record["returned"]
    facts["the average's parameters are leaves that require gradients, as before"] = record["open"]
    facts["both networks are in training mode afterwards, as before"] = record["training"]
    return facts


def by_torch(average: nn.Module, model: nn.Module, decay: float) -> None:
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(model.parameters()), None)
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)


def written(
    mix: Callable = lambda a, m, d: d * a + (1 - d) * m,
    buffer: Callable = lambda a, m, d: m,
    target: str = "average",
) -> Callable:
    @torch.no_grad()
    def answer(average, model, decay):
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            (a if target == "average" else m).copy_(mix(a, m, decay))
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            a.copy_(buffer(a, m, decay))

    return answer


def average_buffers(a: Tensor, m: Tensor, d: float) -> Tensor:
    return d * a + (1 - d) * m


def by_state_dict(average, model, decay):
    """Everything in the state dict, the integer counter included."""
    with torch.no_grad():
        for a, m in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            a.mul_(decay).add_(m, alpha=1 - decay)


def with_a_graph(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)


def new_parameters(average, model, decay):
    for layer, other in zip(average.modules(), model.modules(), strict=True):
        for name, parameter in list(layer.named_parameters(recurse=False)):
            mixed = decay * parameter.data + (1 - decay) * getattr(other, name).data
            setattr(layer, name, nn.Parameter(mixed))
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def new_data(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.data = decay * a.data + (1 - decay) * m.data
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def new_buffers(average, model, decay):
    written()(average, model, decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.data = m.data.clone()


def new_everything(average, model, decay):
    new_data(average, model, decay)
    new_buffers(average, model, 1.0)


def copy_returned(average, model, decay):
    average = copy.deepcopy(average)
    written()(average, model, decay)
    return average


def shared_buffers(average, model, decay):
    written()(average, model, decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.data = m.data


def something_returned(average, model, decay):
    written()(average, model, decay)
    return average


def shrinks_the_model(average, model, decay):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a.mul_(decay).add_(m.mul_(1 - decay))
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            a.copy_(m)


@torch.no_grad()
def buffers_mixed(average, model, decay):
    for mine, theirs in (
        (average.parameters(), model.parameters()),
        (average.buffers(), model.buffers()),
    ):
        for a, m in zip(mine, theirs, strict=True):
            a.lerp_(m, 1 - decay)


def nothing_written(average, model, decay):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a = decay * a + (1 - decay) * m
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            a.copy_(m)


def nothing_at_all(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a = decay * a + (1 - decay) * m


def without_counter(average, model, decay):
    written(buffer=lambda a, m, d: m if m.is_floating_point() else a)(average, model, decay)


@torch.no_grad()
def running_statistics_alone(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(m, 1 - decay)
    for a, m in zip(average.modules(), model.modules(), strict=True):
        if isinstance(a, nn.BatchNorm1d):
            a.running_mean.copy_(m.running_mean)
            a.running_var.copy_(m.running_var)


@torch.no_grad()
def weights_alone(average, model, decay):
    theirs = dict(model.named_parameters())
    for name, a in average.named_parameters():
        if name.endswith("weight"):
            a.lerp_(theirs[name], 1 - decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def frozen(average, model, decay):
    written()(average, model, decay)
    average.requires_grad_(False)


def in_eval_mode(average, model, decay):
    written()(average, model, decay)
    average.eval()


EXERCISE = Exercise(
    name="stable_gans.ema_update",
    signature="(average, model, decay)",
    oracle=by_torch,
    cases=ema_cases,
    call=update,
    facts=ema_facts,
    slow=True,
    entry="entry",
    misconceptions=(
        Misconception(
            "weights_swapped",
            written(lambda a, m, d: (1 - d) * a + d * m),
            "The two weights changed places. decay, near 1, belongs to the average, which is to "
            "change slowly.",
        ),
        Misconception(
            "buffers_forgotten",
            written(buffer=lambda a, m, d: a),
            "The parameters are right, and the buffers are the average's old ones. Batch "
            "normalization keeps its running mean and variance there: copy them from the model.",
        ),
        Misconception(
            "counter_forgotten",
            without_counter,
            "Some buffers are still the average's old ones. There are more of them than the "
            "running mean and variance, a counter among them: copy every one of `buffers()`.",
            also=(running_statistics_alone,),
        ),
        Misconception(
            "biases_forgotten",
            weights_alone,
            "Only the tensors named `weight` were averaged. A bias is a parameter as well.",
        ),
        Misconception(
            "twice",
            written(lambda a, m, d: d * (d * a + (1 - d) * m) + (1 - d) * m),
            "The model was mixed in twice in one call. One step towards it is wanted.",
        ),
        Misconception(
            "buffers_averaged",
            written(buffer=average_buffers),
            "The buffers were averaged. They are running averages already, and one of them is a "
            "counter: copy them.",
        ),
        Misconception(
            "state_dict_averaged",
            by_state_dict,
            "Everything in the state dict was averaged, and among the buffers is a counter, an "
            "integer, of which nothing can be averaged. Average the parameters, copy the buffers.",
            error="can't be cast",
        ),
        Misconception(
            "model_changed",
            written(target="model"),
            "The model was changed. It is the average that follows; the model belongs to its "
            "optimizer.",
            also=(lambda a, m, d: written()(m, a, d), shrinks_the_model),
        ),
        Misconception(
            "buffers_mixed",
            buffers_mixed,
            "The buffers were mixed as the parameters are, and among them is a counter, an "
            "integer, which lerp refuses. They are running averages already: copy them.",
            error="not implemented for",
        ),
        Misconception(
            "copied",
            written(lambda a, m, d: m),
            "The average is a copy of the model. It keeps the share `decay` of itself.",
        ),
        Misconception(
            "added",
            written(lambda a, m, d: d * a + m),
            "The model was added whole. Its share is 1 - decay, so that the weights add to 1.",
        ),
        Misconception(
            "not_shrunk",
            written(lambda a, m, d: a + (1 - d) * m),
            "The average kept all of itself, and the model's share came on top. Its own share is "
            "`decay`, so that the weights add to 1.",
        ),
        Misconception(
            "moved_away",
            written(lambda a, m, d: a + (1 - d) * (a - m)),
            "The average moves away from the model: the difference has the wrong sign.",
        ),
        Misconception(
            "halves",
            written(lambda a, m, d: (a + m) / 2),
            "`decay` has no effect: the two were averaged half and half.",
        ),
        Misconception(
            "nothing_written",
            nothing_written,
            "The average's parameters are as before: nothing was written into them. (a = … only "
            "gives a name to a new tensor.) Write with copy_, lerp_, or mul_ and add_.",
            also=(nothing_at_all,),
        ),
        Misconception(
            "copy_returned",
            copy_returned,
            "The average itself is as before: a copy of it was changed and returned. The caller's "
            "own network is to change, in place.",
        ),
        Misconception(
            "new_parameters",
            new_parameters,
            "The average got new parameters in the place of its old ones. Whoever holds the old "
            "ones (an optimizer, a recorded step) no longer sees the network. Change them in "
            "place.",
        ),
        Misconception(
            "new_data",
            new_data,
            "a.data = … puts a new tensor behind the old name, so a recorded step no longer finds "
            "the numbers. Write into the tensor that is there: copy_, lerp_, or mul_ and add_.",
            also=(new_buffers, new_everything),
        ),
        Misconception(
            "shared_buffers",
            shared_buffers,
            "The average's buffers are now the model's own, by a.data = … or the like: what "
            "changes one changes both. Copy the numbers into the average's own tensors.",
        ),
        Misconception(
            "something_returned",
            something_returned,
            "The update is right, and something is returned. The average was changed in place, so "
            "whoever holds it has it already; as with `list.sort`, nothing is returned.",
        ),
        Misconception(
            "with_a_graph",
            with_a_graph,
            "PyTorch refuses to change a parameter in place while it records a graph. This is "
            "bookkeeping, nothing to differentiate: put it under torch.no_grad().",
            error="a leaf Variable that requires grad is being used in an in-place operation",
        ),
        Misconception(
            "frozen",
            frozen,
            "requires_grad was switched off in the average. Leave such settings to the caller.",
        ),
        Misconception(
            "in_eval_mode",
            in_eval_mode,
            "One of the networks was put into evaluation mode. Leave the mode to the caller.",
        ),
    ),
    hints=(
        "Two loops, one over pairs of parameters, one over pairs of buffers.",
        "average ← decay · average + (1 - decay) · model, written into the average's own tensors: "
        "a.lerp_(m, 1 - decay), or a.mul_(decay) and add_.",
        "Both under torch.no_grad(). Buffers are copied: a.copy_(m).",
    ),
)

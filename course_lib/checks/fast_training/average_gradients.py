"""Check of `average_gradients`. Oracle: the mean of all processes' gradients, by one more rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import normal
from ..steps import gradients, with_weights
from .processes import in_processes

COUNT = 3 * 4 + 4 + 4 * 2 + 2


def tiny_model(vector: Tensor, gradient: Tensor, frozen: bool) -> nn.Module:
    """A model with these weights and gradients; `frozen`: its first bias has no gradient."""
    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with_weights(model, vector)
    sizes = [p.numel() for p in model.parameters()]
    for parameter, part in zip(model.parameters(), gradient.split(sizes), strict=True):
        parameter.grad = part.clone().reshape(parameter.shape)
    if frozen:
        model[0].bias.requires_grad_(False)
        model[0].bias.grad = None
    return model


def in_every_process(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The answer once in each process; the weights and gradients of each, before and after."""
    rows = zip(inputs["weights"], inputs["gradients"], strict=True)
    models = [tiny_model(*row, inputs["frozen"]) for row in rows]
    empty, sent = empty_gradients(models), [gradients(model) for model in models]
    results, exchanges, unawaited = in_processes(
        [lambda model=model: answer(model) for model in models]
    )
    if any(result is Ellipsis for result in results):
        raise NotImplementedError
    after = [parameters_to_vector(model.parameters()) for model in models]
    return {
        "weights": torch.stack(after),
        "before": torch.stack(sent),
        "gradients": torch.stack([gradients(model) for model in models]),
        "exchanges": exchanges,
        "unawaited": unawaited,
        "emptied": [number for number in empty_gradients(models) if number not in empty],
        "filled": [number for number in empty if number not in empty_gradients(models)],
    }


def empty_gradients(models: list[nn.Module]) -> list[int]:
    """The numbers of the parameters whose .grad is None in some process."""
    columns = enumerate(zip(*(model.parameters() for model in models), strict=True))
    return [number for number, column in columns if any(p.grad is None for p in column)]


def averaging_facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    found = record["gradients"]
    facts: dict[str, Plain] = {
        "the processes exchange something": record["exchanges"] > 0,
        "every exchange is waited for": record["unawaited"] == 0,
        "the parameters stay as they were": torch.equal(record["weights"], inputs["weights"]),
        "every .grad that was there is still there": not record["emptied"],
        "a parameter without gradient is left alone": not record["filled"],
        "all processes end with the same gradients": torch.allclose(found, found[:1]),
    }
    return facts | {f"the gradients in process {r}": row for r, row in enumerate(found)}


def averaging_cases(g: torch.Generator) -> list[Case]:
    def case(processes: int, frozen: bool, about: str) -> Case:
        drawn = [normal(g, processes, COUNT, dtype=torch.float64) for _ in range(2)]
        inputs = {"weights": drawn[0], "gradients": drawn[1] + 0.5, "frozen": frozen}
        return Case(inputs, about)

    return [
        case(3, False, "3 processes"),
        case(2, True, "2 processes, a frozen parameter without gradient"),
        case(1, False, "a single process"),
    ]


def gathered_mean(model):
    """Every process hears all the others and takes the mean itself."""
    mine = gradients(model)
    heard = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(heard, mine)
    put_back(model, torch.stack(heard).mean(dim=0))


def put_back(model: nn.Module, vector: Tensor) -> None:
    sizes = [p.numel() for p in model.parameters()]
    for parameter, part in zip(model.parameters(), vector.split(sizes), strict=True):
        if parameter.grad is not None:
            parameter.grad = part.clone().reshape(parameter.shape)


def each(change: Callable[[Tensor], None], skip: bool = True) -> Callable:
    """An answer that treats the gradients one after another."""

    def answer(model):
        for parameter in model.parameters():
            if parameter.grad is not None or not skip:
                change(parameter.grad)

    return answer


def reduced(by: Callable[[], float], op=dist.ReduceOp.SUM) -> Callable[[Tensor], None]:
    def change(gradient: Tensor) -> None:
        dist.all_reduce(gradient, op=op)
        gradient /= by()

    return change


def a_copy(gradient: Tensor) -> None:
    reduced(dist.get_world_size)(gradient.clone())


def not_awaited(gradient: Tensor) -> None:
    dist.all_reduce(gradient, async_op=True)
    gradient /= dist.get_world_size()


def only_in_the_first(gradient: Tensor) -> None:
    dist.reduce(gradient, dst=0)
    gradient /= dist.get_world_size()


def of_the_parameters(model):
    with torch.no_grad():
        for parameter in model.parameters():
            reduced(dist.get_world_size)(parameter)


def only_the_first_takes_part(model):
    if dist.get_rank() == 0:
        each(reduced(dist.get_world_size))(model)


def until_a_frozen_one(model):
    for parameter in model.parameters():
        if parameter.grad is None:
            break
        reduced(dist.get_world_size)(parameter.grad)


def zeros_for_none(model):
    for parameter in model.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        reduced(dist.get_world_size)(parameter.grad)


def asked_for_truth(model):
    for parameter in model.parameters():
        if parameter.grad:
            reduced(dist.get_world_size)(parameter.grad)


def result_divided(gradient: Tensor) -> None:
    gradient[:] = dist.all_reduce(gradient) / dist.get_world_size()


def result_assigned(model):
    for parameter in model.parameters():
        if parameter.grad is not None:
            divided_alone(parameter.grad)
            parameter.grad = dist.all_reduce(parameter.grad)


def divided_alone(gradient: Tensor) -> None:
    gradient /= dist.get_world_size()


def copy_sent_own_divided(gradient: Tensor) -> None:
    dist.all_reduce(gradient.clone())
    gradient /= dist.get_world_size()


def quotient_sent(gradient: Tensor) -> None:
    dist.all_reduce(gradient / dist.get_world_size())


def multiplied(gradient: Tensor) -> None:
    dist.all_reduce(gradient)
    gradient *= dist.get_world_size()


def parameters_sent(model):
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                dist.all_reduce(parameter)
                parameter.grad /= dist.get_world_size()


def divided_behind_the_loop(model):
    parameters = [p for p in model.parameters() if p.grad is not None]
    for parameter in parameters:
        dist.all_reduce(parameter.grad)
    parameters[-1].grad /= dist.get_world_size()


def divided_in_the_first(gradient: Tensor) -> None:
    dist.all_reduce(gradient)
    if dist.get_rank() == 0:
        gradient /= dist.get_world_size()


def group_started_again(model):
    dist.init_process_group("gloo")


EXERCISE = Exercise(
    name="fast_training.average_gradients",
    signature="(model)",
    oracle=gathered_mean,
    cases=averaging_cases,
    call=in_every_process,
    facts=averaging_facts,
    slow=True,
    entry="entry",
    misconceptions=(
        Misconception(
            "sum",
            each(reduced(lambda: 1)),
            "In .grad are the sums over the processes. Each process's loss is a mean over its own "
            "batch, so the gradients are to be averaged: divide by the number of processes, in "
            "place, or assign the result. (A quotient that is not assigned is lost.)",
        ),
        Misconception(
            "divided_twice",
            each(reduced(dist.get_world_size, dist.ReduceOp.AVG)),
            "The mean was divided by the number of processes once more. ReduceOp.AVG divides "
            "already.",
        ),
        Misconception(
            "multiplied",
            each(multiplied),
            "The sum was multiplied by the number of processes. A mean is the sum divided by it.",
        ),
        Misconception(
            "divided_in_the_first",
            each(divided_in_the_first),
            "Only process 0 divided; the others hold the sum. Every process does the same to its "
            "own copy.",
        ),
        Misconception(
            "divided_behind_the_loop",
            divided_behind_the_loop,
            "Only the last parameter's gradient was divided: the division stands behind the loop. "
            "The others hold the sum.",
        ),
        Misconception(
            "two_processes_assumed",
            each(reduced(lambda: 2)),
            "The sum was divided by 2, however many processes there are. The process group knows "
            "how many: dist.get_world_size().",
        ),
        Misconception(
            "divided_by_rank",
            each(reduced(dist.get_rank)),
            "The sum was divided by the rank, which is the process's own number: 0 in the first "
            "of them. How many there are is dist.get_world_size().",
        ),
        Misconception(
            "copy_averaged",
            each(a_copy),
            "The processes exchanged something, and none of it came into .grad: a copy was sent. "
            "all_reduce changes the tensor that it is given, so give it .grad itself, or copy the "
            "result back.",
            also=(each(copy_sent_own_divided), each(quotient_sent)),
        ),
        Misconception(
            "parameters_averaged",
            of_the_parameters,
            "The parameters were averaged, and they are the same everywhere anyway. What differs "
            "from process to process is .grad.",
        ),
        Misconception(
            "parameters_sent",
            parameters_sent,
            "The parameters were added up over the processes. What is to be exchanged is each "
            "parameter's .grad.",
        ),
        Misconception(
            "not_awaited",
            each(not_awaited),
            "The sum had not arrived when it was divided: with async_op=True, all_reduce comes "
            "back at once with a handle. Call its wait() before you touch the tensor.",
        ),
        Misconception(
            "only_divided",
            each(divided_alone),
            "No process heard of the others; each divided its own gradients by their number. "
            "Something must add them up across processes first.",
        ),
        Misconception(
            "nothing_exchanged",
            lambda model: None,
            "Nothing was exchanged, so every process keeps its own gradients and the models drift "
            "apart.",
        ),
        Misconception(
            "first_process_only",
            each(only_in_the_first),
            "Only process 0 has the mean: reduce sends the result to one process. All of them are "
            "going to step.",
        ),
        Misconception(
            "first_process_broadcast",
            each(lambda gradient: dist.broadcast(gradient, src=0)),
            "All processes end with the gradients of process 0, and the work of the others is "
            "lost. broadcast sends; what is wanted adds.",
        ),
        Misconception(
            "largest",
            each(lambda gradient: dist.all_reduce(gradient, op=dist.ReduceOp.MAX)),
            "This is the largest of the processes' gradients, element by element. The mean is "
            "wanted.",
        ),
        Misconception(
            "empty_gradient",
            each(reduced(dist.get_world_size), skip=False),
            "A frozen parameter has no gradient: its .grad is None. Skip it; it is the same one in "
            "every process.",
            error="Expected parameter `tensor` of type torch.Tensor",
        ),
        Misconception(
            "stopped_at_the_frozen_one",
            until_a_frozen_one,
            "The gradients behind the frozen parameter are still each process's own: break and "
            "return leave the loop for good. Skip that one parameter and go on.",
        ),
        Misconception(
            "frozen_one_filled",
            zeros_for_none,
            "The frozen parameter was given a gradient. Even with zeros in it, an optimizer's "
            "weight decay moves the parameter; with None it is passed over. Leave it alone.",
        ),
        Misconception(
            "asked_for_truth",
            asked_for_truth,
            "A tensor of many numbers has no truth value: ask whether .grad «is not None».",
            error="Boolean value of Tensor",
        ),
        Misconception(
            "result_divided",
            each(result_divided),
            "all_reduce works in place and returns nothing: call it in a line of its own, and "
            "read the sum where the gradient was.",
            error="unsupported operand type(s) for /",
        ),
        Misconception(
            "result_assigned",
            result_assigned,
            "What all_reduce returns was put into .grad, and that is None: it works in place. "
            "There is nothing to assign.",
        ),
        Misconception(
            "operation_as_text",
            each(lambda gradient: dist.all_reduce(gradient, op="mean")),
            "The operation was given as a text. Its names are members of dist.ReduceOp.",
            error="incompatible function arguments",
        ),
        Misconception(
            "group_started_again",
            group_started_again,
            "The process group is already there when this function is called: it is started once, "
            "at the beginning of the script.",
            error="default process group twice",
        ),
        Misconception(
            "wrapped",
            lambda model: DistributedDataParallel(model),
            "DistributedDataParallel averages while backward() runs, and backward() is over when "
            "this function is called. Average what lies in .grad by hand: the next cell compares "
            "the two.",
            error="Unable to cast Python instance",
        ),
        Misconception(
            "only_one_takes_part",
            only_the_first_takes_part,
            "A collective call is made by every process, or those that make it wait for ever. "
            "There is no «if rank == 0» around it.",
        ),
    ),
    hints=(
        "Each process has the gradient of the mean over its own batch. All batches have one size: "
        "what is the gradient of the mean over all of them?",
        "dist.all_reduce adds a tensor over all processes, in place, in every one of them. How "
        "many processes there are, dist.get_world_size() knows.",
        "Go over model.parameters(), skip those whose .grad is None, add over the processes, "
        "divide in place.",
    ),
)

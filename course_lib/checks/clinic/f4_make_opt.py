"""Check of `f4_make_opt`: which parameters an optimizer holds, and which way it moves them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ..declare import Case, Exercise, Misconception, Plain
from ..observing import describe_type
from ..random_inputs import some_seed

OPTIMIZER = "an optimizer of torch.optim"


def build(seed: int) -> dict[str, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))
        decoder = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 6))
    return {"encoder": encoder, "decoder": decoder}


def holding(answer: Callable, inputs: Mapping[str, Any]) -> Any:
    """What the optimizer holds; then three steps with gradients of the weights' own sign."""
    networks = build(inputs["seed"])
    optimizer = answer(*networks.values())
    if optimizer is Ellipsis:
        return optimizer
    if not isinstance(optimizer, torch.optim.Optimizer):
        return {"form": describe_type(optimizer)}
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    record: dict[str, Any] = {"form": OPTIMIZER, "foreign": False}
    known = set()
    for name, network in networks.items():
        own = [id(p) for p in network.parameters()]
        known |= set(own)
        record[f"{name} held"] = share([p in held for p in own])
        record[f"{name} open"] = all(p.requires_grad for p in network.parameters())
    record["foreign"] = any(p not in known for p in held)
    record["once"] = len(set(held)) == len(held)
    before = {n: [p.detach().clone() for p in net.parameters()] for n, net in networks.items()}
    for _ in range(3):
        optimizer.zero_grad()
        parameters = itertools.chain(*(n.parameters() for n in networks.values()))
        loss = sum(p.sum() for p in parameters)  # every gradient is 1: down is the way
        if loss.requires_grad:
            loss.backward()
        optimizer.step()
    for name, network in networks.items():
        moves = torch.cat(
            [
                (p.detach() - b).flatten()
                for p, b in zip(network.parameters(), before[name], strict=True)
            ]
        )
        record[f"{name} moves"] = way(moves)
    return record


def share(flags: list[bool]) -> str:
    return "all" if all(flags) else "some" if any(flags) else "none"


def way(moves: torch.Tensor) -> str:
    if not moves.isfinite().all():
        return "to numbers that are not finite"
    if not moves.any():
        return "not at all"
    return "downhill" if (moves <= 0).all() else "uphill" if (moves >= 0).all() else "both ways"


def optimizer_facts(inputs: Mapping, outputs: Mapping) -> dict[str, Plain]:
    facts: dict[str, Plain] = {"what comes back": outputs["form"]}
    if outputs["form"] != OPTIMIZER:
        return facts
    for name in ("encoder", "decoder"):
        facts[f"parameters of the {name} that it holds"] = outputs[f"{name} held"]
        facts[f"the {name}'s parameters still require gradients"] = outputs[f"{name} open"]
    facts["it holds nothing else"] = not outputs["foreign"]
    facts["it holds each parameter once"] = outputs["once"]
    for name in ("encoder", "decoder"):
        facts[f"how the {name} moves"] = outputs[f"{name} moves"]
    return facts


def of(*picks: Callable, lr: float = 1e-3, **settings: Any) -> Callable:
    """An Adam that holds what the picks take of encoder and decoder."""

    def make_opt(enc, dec):
        chosen = [p for pick in picks for p in pick(enc, dec)]
        return torch.optim.Adam(chosen, lr=lr, **settings)

    return make_opt


def encoder(enc, dec):
    return list(enc.parameters())


def decoder(enc, dec):
    return list(dec.parameters())


def frozen_decoder(enc, dec):
    dec.requires_grad_(False)
    return of(encoder, decoder)(enc, dec)


def last_layer_alone(enc, dec):
    return list(dec[-1].parameters())


def weights_alone(enc, dec):
    return [p for net in (enc, dec) for n, p in net.named_parameters() if n.endswith("weight")]


def last_of_the_encoder(enc, dec):
    return list(enc[-1].parameters())


def copies_of_the_encoder(enc, dec):
    return [nn.Parameter(p.detach().clone()) for p in enc.parameters()]


def all_copies(enc, dec):
    return [p.detach() for net in (enc, dec) for p in net.parameters()]


def decoder_at_rest(enc, dec):
    groups = [{"params": encoder(enc, dec)}, {"params": decoder(enc, dec), "lr": 0.0}]
    return torch.optim.Adam(groups, lr=1e-3)


def copies(enc, dec):
    return [nn.Parameter(p.detach().clone()) for p in dec.parameters()]


EXERCISE = Exercise(
    name="clinic.f4_make_opt",
    signature="(enc, dec)",
    oracle=lambda enc, dec: torch.optim.SGD([*encoder(enc, dec), *decoder(enc, dec)], lr=0.1),
    cases=lambda g: [Case({"seed": some_seed(g)}) for _ in range(2)],
    call=holding,
    facts=optimizer_facts,
    slow=True,
    misconceptions=(
        Misconception(
            "encoder_alone",
            of(encoder),
            "This is still the published optimizer: it minimizes over the encoder's parameters φ "
            "alone, and the decoder stays as it was drawn. The ELBO is maximized over θ and φ.",
        ),
        Misconception(
            "decoder_alone",
            of(decoder),
            "Now the decoder is trained and the encoder stands still. One loss trains both.",
        ),
        Misconception(
            "maximizes",
            of(encoder, decoder, maximize=True),
            "This optimizer goes uphill (maximize=True). The loss is the negative ELBO, and is "
            "minimized.",
            also=(
                lambda enc, dec: torch.optim.SGD(
                    [*enc.parameters(), *dec.parameters()], lr=0.01, maximize=True
                ),
            ),
        ),
        Misconception(
            "decoder_frozen",
            frozen_decoder,
            "The optimizer holds the decoder's parameters, and requires_grad was switched off in "
            "them: no gradient will ever come.",
        ),
        Misconception(
            "one_layer_of_the_decoder",
            of(encoder, last_layer_alone),
            "Only some of the decoder's layers are held. .parameters() of the whole network gives "
            "all.",
        ),
        Misconception(
            "copies",
            of(encoder, copies),
            "The optimizer holds copies of the decoder's parameters (clone, deepcopy, detach): it "
            "moves those, and the decoder stays. Give it the parameters themselves.",
        ),
        Misconception(
            "copies_of_the_encoder",
            of(copies_of_the_encoder, decoder),
            "The optimizer holds copies of the encoder's parameters (clone, deepcopy, detach): it "
            "moves those, and the encoder stays. Give it the parameters themselves.",
        ),
        Misconception(
            "copies_of_all",
            of(all_copies),
            "The optimizer holds tensors that only share the parameters' values (state_dict, "
            "detach, data): no gradient ever comes to them. Take .parameters().",
        ),
        Misconception(
            "weights_alone",
            of(weights_alone),
            "Some parameters of both networks are missing: the biases, or a layer. .parameters() "
            "gives all.",
        ),
        Misconception(
            "one_layer_of_the_encoder",
            of(last_of_the_encoder, decoder),
            "Only some of the encoder's layers are held. .parameters() of the whole network gives "
            "all.",
        ),
        Misconception(
            "decoder_at_rest",
            decoder_at_rest,
            "The decoder is held, with a learning rate of 0: it stays as it was drawn.",
        ),
        Misconception(
            "held_twice",
            of(encoder, decoder, encoder),
            "Some parameters are held twice, so that they move twice a step. Each belongs in the "
            "list once.",
            also=(of(encoder, decoder, decoder), of(encoder, decoder, encoder, decoder)),
        ),
        Misconception(
            "iterators_in_a_list",
            lambda enc, dec: torch.optim.Adam([enc.parameters(), dec.parameters()]),
            "The list holds networks or iterators of parameters, and must hold the parameters "
            "themselves: unpack each with a star.",
            error="optimizer can only optimize Tensors",
        ),
        Misconception(
            "iterators_added",
            lambda enc, dec: enc.parameters() + dec.parameters(),
            "enc.parameters() is an iterator, which a + does not join. Unpack both into one list.",
            error="unsupported operand type(s) for +: 'generator'",
        ),
        Misconception(
            "no_rate",
            of(encoder, decoder, lr=0.0),
            "Everything is held and nothing moves: the learning rate is 0.",
        ),
        Misconception(
            "two_optimizers",
            lambda enc, dec: (of(encoder)(enc, dec), of(decoder)(enc, dec)),
            "Two optimizers came back. One can hold the parameters of both networks: join the two "
            "lists.",
        ),
        Misconception(
            "list_of_parameters",
            lambda enc, dec: [*encoder(enc, dec), *decoder(enc, dec)],
            "The parameters came back by themselves. An optimizer that holds them is wanted.",
        ),
    ),
    hints=(
        "Over which letters is the minimum taken, and which network does each belong to?",
        "One optimizer, given the parameters of both networks in one list.",
        "enc.parameters() and dec.parameters() are iterators: unpack both into a list, or chain "
        "them.",
    ),
)

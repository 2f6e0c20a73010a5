"""Check of `initialize_dcgan`: called on a nested network, and what the network then holds."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..declare import Case, Exercise, Misconception, Plain
from ..random_inputs import some_seed

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
STD = 0.02
START = 0.3  # of every bias, before the answer is called


class Block(nn.Module):
    """Layers that no Sequential holds, one of them a level deeper than the network's own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(24, 24, 3)
        self.norm = nn.BatchNorm2d(900)
        self.parts = nn.ModuleDict({"up": nn.ConvTranspose2d(24, 24, 3), "act": nn.ReLU()})


def network() -> nn.Module:
    """Nested, with convolutions that have no bias and a norm without weights."""
    return nn.Sequential(
        nn.Conv2d(8, 24, 3, bias=False),
        nn.BatchNorm2d(900),
        nn.LeakyReLU(0.2),
        nn.Sequential(Block(), nn.Sequential(nn.ConvTranspose2d(24, 24, 3, bias=False))),
        nn.BatchNorm2d(24, affine=False),
        nn.ModuleList([nn.Conv2d(24, 24, 3), nn.BatchNorm2d(900), nn.ConvTranspose2d(24, 24, 3)]),
    )


def cases(generator: torch.Generator) -> list[Case]:
    return [
        Case({"seed": some_seed(generator), "alone": False}, "a nested network"),
        Case({"seed": some_seed(generator), "alone": True}, "a single convolution"),
    ]


def initialized(answer: Callable, inputs: Mapping[str, Any]) -> dict[str, Plain]:
    """Start values of two networks, each behind one call, and what has happened beside them."""
    torch.manual_seed(inputs["seed"])
    first, second = (nn.Conv2d(24, 24, 3) if inputs["alone"] else network() for _ in range(2))
    for each in (first, second):
        disturb(each)
    before = copy.deepcopy(first)
    answer(first)
    answer(second)
    layers = dict(first.named_modules()).items()
    return {
        "convolutions": parts_of(layers, nn.Conv2d, "weight"),
        "transposed": parts_of(layers, nn.ConvTranspose2d, "weight"),
        "norms": parts_of(layers, nn.BatchNorm2d, "weight"),
        "biases": parts_of(layers, CONVOLUTIONS, "bias"),
        "shifts": parts_of(layers, nn.BatchNorm2d, "bias"),
        "moved": moved(before, first),
        "apart": all(
            not torch.equal(p, q)
            for p, q in zip(first.parameters(), second.parameters(), strict=True)
            if p.ndim == 4
        ),
        "within": distinct(first),
        "trainable": all(p.requires_grad and p.grad_fn is None for p in first.parameters()),
    }


def disturb(module: nn.Module) -> None:
    """Biases and norms start at 0 and 1 in PyTorch: put them elsewhere, so that a call is seen."""
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (*CONVOLUTIONS, nn.BatchNorm2d)) and layer.weight is not None:
                if layer.bias is not None:
                    layer.bias.fill_(START)
                if isinstance(layer, nn.BatchNorm2d):
                    layer.weight.fill_(1.7)


def parts_of(layers: Any, kinds: type | tuple, name: str) -> Tensor | None:
    """Mean, standard deviation, largest size of each, `(layers, 3)`; None where there is none."""
    found = [getattr(layer, name) for _, layer in layers if isinstance(layer, kinds)]
    found = [p for p in found if p is not None]
    rows = [torch.stack([p.mean(), p.std(), p.abs().max()]).detach() for p in found]
    return torch.stack(rows) if rows else None


def moved(before: nn.Module, after: nn.Module) -> list[str]:
    pairs = zip(before.named_parameters(), after.parameters(), strict=True)
    return [name for (name, p), q in pairs if not torch.equal(p, q)]


def distinct(module: nn.Module) -> bool:
    """Whether no two weights of one shape are the same numbers."""
    weights = [p for p in module.parameters() if p.ndim == 4]
    return not any(
        p.shape == q.shape and torch.equal(p, q) for i, p in enumerate(weights) for q in weights[:i]
    )


def facts(inputs: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Plain]:
    several = {
        "convolutions' weights": ("convolutions", 0.0),
        "transposed convolutions' weights": ("transposed", 0.0),
        "batch norms' weights": ("norms", 1.0),
    }
    told: dict[str, Plain] = {"something has been changed": bool(record["moved"])}
    for name, (part, mean) in several.items():
        if record[part] is not None:
            means, stds, _ = record[part].T
            told[f"the standard deviation of {name}"] = describe(stds, STD, 0.003)
            told[f"the mean of {name}"] = describe(means, mean, 0.005 + 0.1 * stds.max().item())
    for name, part in (("convolutions' biases", "biases"), ("batch norms' biases", "shifts")):
        if record[part] is not None:
            told[name] = describe_biases(record[part])
    told["each layer has numbers of its own"] = record["within"]
    told["another network gets other numbers"] = record["apart"]
    told["the parameters can still be trained"] = record["trainable"]
    return told


def describe(values: Tensor, wanted: float, slack: float) -> str:
    """What is wanted where all layers have it but for chance, else what the others have."""
    wrong = [v for v in values.tolist() if not abs(v - wanted) <= slack]
    if not wrong:
        return f"{wanted:g}"
    where = f"in {len(wrong)} of {len(values)} layers " if len(wrong) < len(values) else ""
    near_zero = 1e-4 if wanted == STD else 0.01  # a mean that is 0 is so but for chance
    told = {roughly(0.0 if abs(v) < near_zero else v) for v in wrong}
    return f"{where}{' and '.join(sorted(told))}"


def describe_biases(parts: Tensor) -> str:
    """Whether they are 0, or what `disturb` had put there."""
    mean, std, most = parts.T
    if not bool(most.any()):
        return "0"
    untouched = ((mean - START).abs() < 1e-6) & (std < 1e-6)
    return "as they were" if bool(untouched.any()) else "not 0"


def roughly(value: float) -> str:
    """To one digit, or two from 1 on: the same for every seed, but for a value on an edge."""
    if not math.isfinite(value):
        return "not a finite number"
    return f"about {value:.2g}" if abs(value) >= 1 else f"about {value:.1g}"


def by_hand(
    kinds: tuple = (*CONVOLUTIONS, nn.BatchNorm2d),
    conv: Callable = lambda p: STD * torch.randn(p.shape),
    norm: Callable | None = lambda p: 1 + STD * torch.randn(p.shape),
    bias: Callable | None = torch.zeros_like,
    shift: Callable | None = torch.zeros_like,
    modules: Callable = nn.Module.modules,
) -> Callable:
    """Parameter after parameter, in which any part can be wrong."""

    def answer(module: nn.Module) -> None:
        for layer in modules(module):
            if not isinstance(layer, kinds) or getattr(layer, "weight", None) is None:
                continue
            of_norm = isinstance(layer, nn.BatchNorm2d)
            for parameter, change in (
                (layer.weight, norm if of_norm else conv),
                (layer.bias, shift if of_norm else bias),
            ):
                if parameter is not None and change is not None:
                    parameter.data.copy_(change(parameter))

    return answer


def gaussian(mean: float, std: float) -> Callable:
    return lambda p: mean + std * torch.randn(p.shape)


def seeded(module: nn.Module) -> None:
    torch.manual_seed(0)
    by_hand()(module)


def seeded_each_layer(module: nn.Module) -> None:
    def again(p: Tensor) -> Tensor:
        torch.manual_seed(0)
        return STD * torch.randn(p.shape)

    by_hand(conv=again)(module)


def bias_of_all(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            nn.init.normal_(layer.weight, 0.0, STD)
            nn.init.zeros_(layer.bias)


def bias_data_of_all(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            layer.weight.data.normal_(0.0, STD)
            layer.bias.data.zero_()


def plain_tensor(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            layer.weight = STD * torch.randn_like(layer.weight)


def outside_no_grad(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, CONVOLUTIONS):
            layer.weight.mul_(0).add_(STD)


def skipped_without_bias(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, (*CONVOLUTIONS, nn.BatchNorm2d)) and layer.bias is not None:
            of_norm = isinstance(layer, nn.BatchNorm2d)
            nn.init.normal_(layer.weight, float(of_norm), STD)
            nn.init.zeros_(layer.bias)


def frozen(module: nn.Module) -> None:
    by_hand()(module)
    module.requires_grad_(False)


def inside_alone(module: nn.Module) -> None:
    """Every layer inside, and never the module itself."""
    by_hand(modules=lambda whole: list(whole.modules())[1:])(module)


def two_levels(module: nn.Module) -> list[nn.Module]:
    return [layer for child in module.children() for layer in (child, *child.children())]


def first_layer_alone(module: nn.Module) -> None:
    """A return inside the loop."""
    by_hand(modules=lambda whole: [m for m in whole.modules() if hasattr(m, "weight")][:1])(module)


def weight_of_all(module: nn.Module) -> None:
    for layer in module.modules():
        nn.init.normal_(layer.weight, 0.0, STD)


def applied_within_itself(module: nn.Module) -> None:
    module.apply(applied_within_itself)


def norms_by_name(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, float("norm" in name), STD)


EXERCISE = Exercise(
    name="dcgan.initialize_dcgan",
    signature="(module)",
    oracle=by_hand(),
    cases=cases,
    call=initialized,
    facts=facts,
    random=True,
    slow=True,
    misconceptions=(
        Misconception(
            "bias_of_all",
            bias_of_all,
            "A layer made with bias=False has None in the place of its bias, and a norm made with "
            "affine=False has no weight either. Ask before you fill it.",
            error="'NoneType' object has no attribute",
            also=(bias_data_of_all,),
        ),
        Misconception(
            "weight_of_all",
            weight_of_all,
            "A layer that has no weight was asked for it: a Sequential or an activation. Ask for "
            "the kind first, isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)); with `or "
            "nn.ConvTranspose2d` behind an isinstance the condition holds for every layer.",
            error="object has no attribute 'weight'",
        ),
        Misconception(
            "applied_within_itself",
            applied_within_itself,
            "The function hands itself to module.apply, which calls it, which hands itself over "
            "again. Write a second function for one layer, and give that one to apply.",
            error="maximum recursion depth exceeded",
        ),
        Misconception(
            "plain_tensor",
            plain_tensor,
            "A layer's weight was to be replaced by a plain tensor. Fill the parameter that is "
            "there in place, as the functions of nn.init do: an optimizer may know it already.",
            error="cannot assign",
        ),
        Misconception(
            "outside_no_grad",
            outside_no_grad,
            "A parameter was changed in place while autograd was watching. The functions of "
            "nn.init do it without a graph; by hand, it takes torch.no_grad().",
            error="a leaf Variable that requires grad is being used in an in-place operation",
        ),
        Misconception(
            "top_level_alone",
            by_hand(modules=lambda module: [module]),
            "Of the nested network nothing was reached: the function looked at the module it was "
            "given and not at what is inside. It is called once, on the whole; go through "
            "module.modules(), or hand a function for one layer to module.apply.",
        ),
        Misconception(
            "inside_alone",
            inside_alone,
            "The module itself was passed over: what is inside was reached, but the module may be "
            "a convolution, too. modules() begins with the module itself, children() does not.",
        ),
        Misconception(
            "children_alone",
            by_hand(modules=nn.Module.children),
            "Some layers were not reached. children() goes one level deep; a network has blocks in "
            "blocks, and modules() walks through all of them.",
            also=(by_hand(modules=two_levels),),
        ),
        Misconception(
            "copy_initialized",
            lambda module: by_hand()(copy.deepcopy(module)),
            "The network that was given is as it was. Its own parameters are to be filled, not "
            "those of a copy.",
            also=(lambda module: None,),
        ),
        Misconception(
            "first_layer_alone",
            first_layer_alone,
            "The first layer got new numbers, and no other. Does a `return` or a `break` stand "
            "inside the loop?",
        ),
        Misconception(
            "weights_of_convolutions_alone",
            by_hand(kinds=CONVOLUTIONS, bias=None),
            "The convolutions' weights were drawn, and nothing else was done. The batch norms' "
            "weights are drawn, too, and the biases of both kinds become 0.",
        ),
        Misconception(
            "transposed_forgotten",
            by_hand(kinds=(nn.Conv2d, nn.BatchNorm2d)),
            "The transposed convolutions were left as they are: nn.ConvTranspose2d is a class of "
            "its own, no kind of nn.Conv2d.",
        ),
        Misconception(
            "convolutions_forgotten",
            by_hand(kinds=(nn.ConvTranspose2d, nn.BatchNorm2d)),
            "The ordinary convolutions were left as they are. The discriminator has them.",
        ),
        Misconception(
            "norms_forgotten",
            by_hand(kinds=CONVOLUTIONS),
            "The batch norms were left as they are. Their weights are drawn, too, and their "
            "biases become 0.",
        ),
        Misconception(
            "norms_alone",
            by_hand(kinds=(nn.BatchNorm2d,)),
            "The convolutions were left as they are: of both kinds, all weights are drawn.",
        ),
        Misconception(
            "norms_around_zero",
            by_hand(norm=gaussian(0, STD)),
            "The batch norms' weights lie around 0, so that each norm nearly multiplies its "
            "channels away. Theirs have mean 1.",
            also=(by_hand(norm=gaussian(0, STD), shift=gaussian(0, STD), bias=None),),
        ),
        Misconception(
            "norms_by_name",
            norms_by_name,
            "Some norms were taken for convolutions. What a layer is called says nothing of its "
            "kind: in a Sequential a norm is called 1 or 4. Ask for its class.",
        ),
        Misconception(
            "convolutions_around_one",
            by_hand(conv=gaussian(1, STD)),
            "The convolutions' weights lie around 1, which is the mean of the norms' weights. "
            "Theirs is 0.",
        ),
        Misconception(
            "all_parameters_alike",
            lambda module: [nn.init.normal_(p, 0.0, STD) for p in module.parameters()],
            "Every parameter was drawn alike. Norms' weights have mean 1, and biases are 0: look "
            "at the kind of the layer, and at which of its parameters it is.",
        ),
        Misconception(
            "variance_for_deviation",
            by_hand(conv=gaussian(0, math.sqrt(STD)), norm=gaussian(1, math.sqrt(STD))),
            "0.02 was taken for the variance. It is the standard deviation, which torch.randn is "
            "multiplied by and nn.init.normal_ takes.",
            also=(by_hand(conv=gaussian(0, math.sqrt(STD))),),
        ),
        Misconception(
            "deviation_squared",
            by_hand(conv=gaussian(0, STD**2), norm=gaussian(1, STD**2)),
            "The standard deviation is 0.0004, the square of 0.02: 0.02 is the standard deviation "
            "itself, not the root of it.",
            also=(by_hand(conv=gaussian(0, STD**2)), by_hand(norm=gaussian(1, STD**2))),
        ),
        Misconception(
            "uniform",
            by_hand(
                conv=lambda p: STD * (2 * torch.rand(p.shape) - 1),
                norm=lambda p: 1 + STD * (2 * torch.rand(p.shape) - 1),
            ),
            "The weights are spread evenly between -0.02 and 0.02. They are normal, with standard "
            "deviation 0.02.",
            also=(by_hand(conv=lambda p: STD * (2 * torch.rand(p.shape) - 1)),),
        ),
        Misconception(
            "scaled_by_the_inputs",
            by_hand(conv=nn.init.kaiming_normal_),
            "The convolutions' deviations differ with their numbers of inputs, as in He's rule. "
            "Here all have the same standard deviation, 0.02.",
            also=(by_hand(conv=nn.init.xavier_normal_),),
        ),
        Misconception(
            "added_to_the_old",
            by_hand(conv=lambda p: p + STD * torch.randn(p.shape)),
            "The convolutions' old weights are still in the new ones: noise was added to them. "
            "Draw in their place.",
        ),
        Misconception(
            "skipped_without_bias",
            skipped_without_bias,
            "Convolutions made with bias=False were passed over with their weights. Ask about the "
            "bias for the bias alone.",
        ),
        Misconception(
            "norms_spread_widely",
            by_hand(norm=gaussian(1, 1)),
            "The batch norms' weights have standard deviation 1, so that many are far from 1 or "
            "negative. Theirs is 0.02, around a mean of 1.",
        ),
        Misconception(
            "mean_and_deviation_swapped",
            by_hand(conv=lambda p: torch.full_like(p, STD), norm=gaussian(STD, 1)),
            "Mean and standard deviation changed places: nn.init.normal_ takes the mean first, and "
            "where one number is given alone, the standard deviation stays 1.",
            also=(by_hand(conv=gaussian(STD, 1)), by_hand(norm=gaussian(STD, 1))),
        ),
        Misconception(
            "constant_weights",
            by_hand(conv=lambda p: torch.full_like(p, STD)),
            "All weights of a convolution are the same number, so all its channels would see the "
            "same and learn the same. Draw them.",
        ),
        Misconception(
            "norms_constant",
            by_hand(norm=torch.ones_like),
            "The batch norms' weights are exactly 1, as PyTorch has them. They are drawn as well, "
            "with standard deviation 0.02 around 1.",
        ),
        Misconception(
            "biases_drawn",
            by_hand(bias=gaussian(0, STD), shift=gaussian(0, STD)),
            "The biases are other numbers than 0: drawn like the weights, or filled with a "
            "constant. They become 0.",
            also=(by_hand(bias=gaussian(0, STD)), by_hand(bias=torch.ones_like)),
        ),
        Misconception(
            "convolution_biases_left",
            by_hand(bias=None),
            "The convolutions' biases were left as they are. PyTorch draws them when it builds the "
            "layer; here they become 0, where there is one.",
        ),
        Misconception(
            "norm_biases_left",
            by_hand(shift=None),
            "The batch norms' biases were left as they are. They become 0, too, whatever was "
            "there.",
        ),
        Misconception(
            "biases_left",
            by_hand(bias=None, shift=None),
            "No bias was set. Those of convolutions and of norms become 0, where there is one.",
        ),
        Misconception(
            "default_of_pytorch",
            lambda module: [
                layer.reset_parameters()
                for layer in module.modules()
                if hasattr(layer, "reset_parameters")
            ],
            "These are PyTorch's own start values: a convolution's depend on how many inputs it "
            "has. Here all have the same standard deviation.",
        ),
        Misconception(
            "seeded_each_layer",
            seeded_each_layer,
            "Two layers of one shape have the same numbers: the random generator is set back for "
            "each of them. Draw on.",
        ),
        Misconception(
            "seeded",
            seeded,
            "Two networks get the same numbers: a seed is set inside of the function. The caller "
            "sets it.",
        ),
        Misconception(
            "frozen",
            frozen,
            "The parameters take no gradient any more, so the network cannot be trained. Only "
            "their numbers are to change.",
        ),
    ),
    hints=(
        "How do you come by every layer of a network, however deep? nn.Module has a method for "
        "it, and another that calls a function on each.",
        "For each layer, isinstance tells its kind. nn.Conv2d and nn.ConvTranspose2d are two "
        "classes. nn.init.normal_ and nn.init.zeros_ fill a parameter in place.",
        "A bias, or a norm's weight, may be None: nothing is to be done there.",
    ),
)

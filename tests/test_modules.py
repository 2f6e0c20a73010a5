"""The examination of networks: any architecture passes, and each fault shows in its own fact."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks.module_exercises import fixed_sizes, layer_mistakes, module_exercise
from course_lib.checks.module_facts import module_facts, name_range
from course_lib.checks.modules import examine, module_case
from course_lib.checks.wrong_modules import SmallNetwork


def block_case():
    """A residual block: no width, images in, images of the same shape out."""
    x = torch.randn(5, 4, 8, 6, generator=torch.Generator().manual_seed(1))
    outputs = {"features": [4, 8, 6]}
    return module_case({"channels": 4}, {"x": x}, outputs, seed=3, about="", width=None)


def labels_case():
    """Two inputs, one of them whole numbers, and two outputs of different shapes."""
    generator = torch.Generator().manual_seed(2)
    inputs = {"z": torch.randn(5, 3, generator=generator), "labels": torch.arange(5)}
    outputs = {"images": [1, 4, 4], "logits": [10]}
    return module_case({"hidden_dim": 8}, inputs, outputs, seed=3, about="")


def facts(answer, case):
    torch.manual_seed(0)
    return module_facts(case.inputs, examine(answer, case.inputs))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.one, self.two = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.two(F.relu(self.one(x)))


class BlockAtIdentity(Block):
    """Batch norm that multiplies by 0 at first, as residual networks often start."""

    def __init__(self, channels):
        super().__init__(channels)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x):
        return x + self.norm(self.two(F.relu(self.one(x))))


class Conditional(nn.Module):
    def __init__(self, hidden_dim):
        super().__init__()
        self.embed = nn.Embedding(10, hidden_dim)
        self.body, self.pixels = nn.LazyLinear(hidden_dim), nn.Linear(hidden_dim, 16)
        self.logits = nn.Linear(hidden_dim, 10)

    def forward(self, z, labels):
        hidden = F.relu(self.body(torch.cat([z, self.embed(labels)], 1)))
        return self.pixels(hidden).view(-1, 1, 4, 4).tanh(), self.logits(hidden)


def test_blocks_of_any_make_have_the_same_facts():
    plain, at_identity = (facts(block, block_case()) for block in (Block, BlockAtIdentity))
    assert plain == at_identity
    assert all(value for value in plain.values())
    assert plain["the range of features"] == "unbounded"


def test_several_inputs_and_outputs():
    found = facts(Conditional, labels_case())
    assert all(value for value in found.values())
    assert found["images"] == "float32 of shape (5, 1, 4, 4)"
    assert found["logits for a batch of one"] == "float32 of shape (1, 10)"
    assert found["the range of images"] == "between -1 and 1"
    assert found["the range of logits"] == "unbounded"
    assert "the whole of labels has an influence" not in found


class InPlace(Block):
    def forward(self, x):
        return super().forward(x.mul_(0.5))


def variant(forward):
    return type("Variant", (Block,), {"forward": forward})


@pytest.mark.parametrize(
    "forward, fault",
    [
        (lambda self, x: x + self.two(self.one(x)), "the network is more than one linear map"),
        (lambda self, x: self.two(self.one(x)).tanh(), "the network is more than one linear map"),
        (lambda self, x: self.two(self.one(x)).clamp(-1, 1), "the network is more than one"),
        (lambda self, x: self.two(self.one(x - x.mean(0)).relu()), "treated on its own"),
        (lambda self, x: self.two(F.dropout(self.one(x), 0.1).relu()), "two calls"),
        (lambda self, x: self.two(self.one(x[:, :, :1].expand_as(x)).relu()), "the whole of x"),
        (lambda self, x: self.two(self.one(0 * x).relu()), "the input has an effect on features"),
    ],
)
def test_each_fault_shows_in_its_fact(forward, fault):
    found = facts(variant(forward), block_case())
    assert any(fault in name for name, value in found.items() if value is False), found


def test_a_layer_without_a_gradient_is_named():
    found = facts(variant(lambda self, x: x + F.relu(self.one(x))), block_case())
    assert found["parameters without a gradient"] == "two.weight, two.bias"


def test_what_is_changed_in_place_is_seen_by_its_input():
    case = block_case()
    before = case.inputs["x"].clone()
    facts(InPlace, case)
    assert not torch.equal(before, case.inputs["x"])


@pytest.mark.parametrize(
    "low, high, name",
    [
        (-2.5, 9.0, "unbounded"),
        (-1.0, 0.97, "between -1 and 1"),
        (0.0, 1.0, "between 0 and 1"),
        (0.0, 5.0, "never negative"),
        (-5.0, 0.0, "never positive"),
        (-0.5, 0.5, "bounded"),
        (-0.3, 9.0, "bounded below"),
        (-9.0, 0.3, "bounded above"),
    ],
)
def test_ranges_have_names(low, high, name):
    assert name_range(low, high) == name


def test_a_fixed_size_stands_in_the_place_of_its_argument():
    first, second = fixed_sizes(SmallNetwork, "inputs, width, outputs", width=(3, 5), outputs=7)
    assert [first.name, second.name] == ["fixed_width", "fixed_outputs"]
    assert "width is not used" in first.sentence and first.sentence != second.sentence
    widths = [answer(4, 9, 2).head.in_features for answer in first.answers]
    assert widths == [3, 5] and second.answer(4, 9, 2).head.out_features == 7


def test_a_module_exercise_makes_its_cases_from_the_sizes():
    declared = module_exercise(
        name="slug.Network",
        arguments="inputs, hidden_dim, outputs",
        sizes=((4, 9, 2), (3, 8, 5)),
        given=lambda g, batch, inputs, **_: {"x": torch.randn(batch, inputs, generator=g)},
        gives=lambda outputs, **_: {"y": [outputs]},
        oracle=SmallNetwork,
        misconceptions=layer_mistakes(SmallNetwork),
        hints=("One.", "Two."),
    )
    first, second = declared.cases(torch.Generator().manual_seed(0))
    assert first.inputs["x"].shape == (8, 4) and second.inputs["x"].shape == (7, 3)
    assert first.inputs["arguments"] == {"inputs": 4, "hidden_dim": 9, "outputs": 2}
    assert second.inputs["outputs"] == {"y": [5]} and second.inputs["width"] == "hidden_dim"
    assert first.about == "Network(4, 9, 2), a batch of 8"
    assert declared.signature == "(inputs, hidden_dim, outputs)" and declared.slow

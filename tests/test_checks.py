"""Checks accept right answers and name each misconception, with one verdict on every seed.

Five seeds, and 20 with `make test-all`.
"""

import importlib
import time

import pytest

from course_lib.checks import exercise, from_json, judge, make_cases, names, observe, run, to_json
from course_lib.checks.judging import Verdict, known_record
from tests.lessons import solution

TWICE = 3  # seeds on which a misconception is observed and then recognised by another run of it
BUDGET = 1.0  # seconds for a module or a training step; a formula has a twentieth of it
LONGER = {"better_vaes.linear_probe": 2.0}  # six classifiers are trained to the end, not one step


def answers(name: str, kind: str) -> list:
    slug, _, short = name.partition(".")
    return getattr(importlib.import_module(f"tests.answers.{slug}"), kind)[short]


def wrong_answers() -> list:
    return [
        pytest.param(name, answer, id=f"{name}-{number}")
        for name in names()
        for number, answer in enumerate(answers(name, "WRONG"))
    ]


@pytest.mark.parametrize("name", names())
def test_right_answers_pass(name, seeds):
    others = answers(name, "RIGHT")
    assert len(others) >= 2
    for answer in [solution(name), *others]:
        for seed in seeds:
            verdict = run(name, answer, seed)
            assert verdict.passed, (answer.__name__, seed, verdict.message)


@pytest.mark.parametrize(
    "name, misconception",
    [pytest.param(n, m, id=f"{n}-{m.name}") for n in names() for m in exercise(n).misconceptions],
)
def test_misconceptions_are_named(name, misconception, seeds):
    for which, answer in enumerate(misconception.answers):
        for seed in seeds:
            verdict = (
                run(name, answer, seed)
                if seed < TWICE
                else judged_by_itself(name, misconception.name, which, seed)
            )
            assert not verdict.passed, f"answer {which} accepted with seed {seed}"
            assert verdict.misconception == misconception.name, (which, seed, verdict)
            assert verdict.message.endswith(misconception.sentence)


def judged_by_itself(name: str, misconception: str, which: int, seed: int) -> Verdict:
    """Observed once: the record that is judged is the one that it is recognised by."""
    count = len(make_cases(exercise(name), seed))
    records = [known_record(name, misconception, seed, at, which) for at in range(count)]
    return judge(name, records, seed)


@pytest.mark.parametrize("name, answer", wrong_answers())
def test_other_wrong_answers_fail(name, answer, seeds):
    for seed in seeds:
        verdict = run(name, answer, seed)
        assert not verdict.passed and verdict.message, f"accepted with seed {seed}"


@pytest.mark.parametrize("name", names())
def test_facts_can_read_what_a_right_answer_does(name):
    """The judge takes the outputs themselves where facts fail, and no two answers share those."""
    declared = exercise(name)
    cases = make_cases(declared, 0)
    for case, seen in zip(cases, observe(declared, solution(name), cases), strict=True):
        assert declared.facts(case.inputs, seen.outputs)


@pytest.mark.parametrize("name", names())
def test_declaration_is_complete(name):
    declared = exercise(name)
    assert len(declared.misconceptions) >= 5
    assert len({m.name for m in declared.misconceptions}) == len(declared.misconceptions)
    assert len({m.sentence for m in declared.misconceptions}) == len(declared.misconceptions)
    assert len(declared.hints) >= 2
    assert len(answers(name, "WRONG")) >= 3


@pytest.mark.parametrize("name", names())
def test_no_hint_or_message_is_the_solution(name):
    """No line of the solution with an operation in it stands in a hint or a sentence."""
    declared = exercise(name)
    told = " ".join([*declared.hints, *(m.sentence for m in declared.misconceptions)])
    for line in solution_lines(name):
        assert line not in told, line


def solution_lines(name: str) -> list[str]:
    from tests.lessons import solution_source

    lines = [line.strip() for line in solution_source(name).splitlines()]
    return [line for line in lines if len(line) > 25]


@pytest.mark.parametrize("name", names())
def test_record_crosses_as_plain_text(name):
    """The grader's way: the observation travels as JSON, and the verdict is the same."""
    declared = exercise(name)
    for answer in (solution(name), declared.misconceptions[0].answer):
        record = observe(declared, answer, make_cases(declared, 3))
        there = judge(name, from_json(to_json(record)), seed=3)
        assert there == run(name, answer, seed=3)


@pytest.mark.parametrize("name", names())
def test_check_is_quick(name):
    """CPU seconds of one check, the second time: 50 ms a formula, 1 s a module or step."""
    answer = solution(name)
    run(name, answer)
    costs = []
    for _ in range(3):
        start = time.process_time()
        run(name, answer)
        costs.append(time.process_time() - start)
    assert min(costs) < LONGER.get(name, BUDGET if exercise(name).slow else BUDGET / 20)


@pytest.mark.parametrize("answer", ["corrupt_on_half", "corrupt_with_laplace"])
def test_a_mistake_that_nobody_foresaw_gets_no_others_sentence(answer, seeds):
    answer = getattr(importlib.import_module("tests.answers.autoencoders"), answer)
    for seed in seeds:
        verdict = run("autoencoders.corrupt", answer, seed)
        assert not verdict.passed and verdict.misconception is None, (seed, verdict)


def test_a_convolutional_network_of_another_shape_is_told_the_shape():
    (wrong,) = [
        m for m in exercise("better_vaes.ConvDecoder").misconceptions if m.name == "fixed_channels"
    ]
    message = run("better_vaes.ConvDecoder", wrong.answers[0]).message
    assert "(5, 3, 32, 32), got float32 of shape (5, 1, 32, 32)" in message

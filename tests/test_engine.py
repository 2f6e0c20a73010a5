"""The engine's own behaviour: what it notices, in which order, and how it says so."""

import re
import sys
import types

import numpy
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from course_lib import checks
from course_lib.checks import CheckFailed, cards, check, hint, report, run, store
from course_lib.checks.observing import is_students

KL = "divergences.kl_gaussian"


def right(mean_q, log_var_q, mean_p, log_var_p):
    q, p = Normal(mean_q, (log_var_q / 2).exp()), Normal(mean_p, (log_var_p / 2).exp())
    return kl_divergence(q, p).sum(-1)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(report, "shown", {})
    return tmp_path / "home"


def unwritten(*arguments):
    raise NotImplementedError(KL)  # your code here


def test_stub_is_not_attempted():
    for stub in (unwritten, lambda *a: ...):
        verdict = run(KL, stub)
        assert (verdict.passed, verdict.attempted) == (False, False)
        assert verdict.message == "not written yet"


def test_exercise_that_waits_for_another_names_it():
    def calls_a_stub(*arguments):
        raise NotImplementedError("divergences.entropy")

    assert (
        run(KL, calls_a_stub).message == "waits for divergences.entropy, which is not written yet"
    )


def test_error_is_told_with_the_students_line_and_the_shapes():
    def broken(mean_q, *others):
        return mean_q.no_such_method()

    message = run(KL, broken).message
    assert "AttributeError" in message and "mean_q.no_such_method()" in message
    assert "mean_q (3, 5)" in message


def test_what_is_not_a_function_is_refused():
    verdict = run(KL, 3)
    assert not verdict.passed and "expected a function" in verdict.message


@pytest.mark.parametrize(
    "answer, part",
    [
        (lambda *a: None, "got None: does the function return?"),
        (lambda *a: right(*a).tolist(), "expected a float64 tensor of shape (3,), got the list"),
        (lambda *a: right(*a).numpy(force=True), "got a NumPy array of shape (3,)"),
        (lambda *a: right(*a)[:, None], "dimensions from 1 on are still to be reduced"),
        (lambda *a: right(*a).float(), "expected dtype float64, got float32"),
        (lambda *a: right(*a).float().double(), "expected"),
        (lambda *a: 3 * right(*a), "every value is 3 times the expected one"),
        (lambda *a: 1e-9 * right(*a), "every value is (almost) zero"),
        (lambda *a: 0 * right(*a), "every value is zero"),
        (lambda *a: right(*a) + 0.5, "every value differs by +0.5"),
        (lambda *a: -right(*a), "the sign is turned round everywhere"),
        (lambda *a: right(*a).detach(), "no gradient reaches mean_q"),
        (lambda a, b, c, d: right(a, b, c.detach(), d), "no gradient reaches mean_p"),
        (lambda a, b, c, d: right(a.mul_(2) / 2, b, c, d), "mean_q changed in place"),
        (
            lambda a, *_: a @ torch.ones(4, 2).double(),
            "a matrix that takes rows of 4 numbers got 3 rows of 5",
        ),
        (
            lambda a, *_: torch.nn.Linear(4, 2).double()(a),
            "a linear layer for 4 numbers got 3 rows of 5",
        ),
        (lambda *a: right(*a) + 0 * torch.rand(()), "the global random state moved"),
        (lambda *a: right(*a) + 0 * numpy.random.rand(), "the global random state moved"),
    ],
)
def test_faults_are_told_in_words(answer, part):
    verdict = run(KL, answer)
    assert not verdict.passed
    assert part in verdict.message


def test_a_ratio_of_almost_one_is_not_told():
    message = run(KL, lambda *a: right(*a) * (1 + 1e-5)).message
    assert "expected" in message and "every value" not in message


def test_an_errors_type_at_one_case_alone_gives_no_cause():
    """A step and a black box have no slopes, whatever was to be done with them."""

    def answer(function, mean, std, noise):
        mean, std = (p.clone().requires_grad_() for p in (mean, std))
        return torch.autograd.grad(3 * function(mean + std * noise).sum(), (mean, std))

    verdict = run("reparameterization.score_function_gradient", answer)
    assert "does not require grad" in verdict.message and verdict.misconception is None


def test_who_draws_is_told_so_whatever_the_values():
    def draws(function, mean, std, noise):
        return (Normal(mean, std).rsample((n,)).mean() for n in (3, 4))

    verdict = run("reparameterization.pathwise_gradient", lambda *a: tuple(draws(*a)))
    assert verdict.misconception == "fresh_noise" and "the global random state" in verdict.message


def test_wrong_value_with_right_gradient_and_the_reverse_are_both_seen():
    def gradient_doubled(*arguments):
        value = right(*arguments)
        return 2 * value - value.detach()

    assert "the gradient by mean_q" in run(KL, gradient_doubled).message


def test_wrong_number_of_results():
    name = "divergences.kl_monte_carlo"
    assert "expected" in run(name, lambda q, p, n, g: kl_divergence(q, p)).message


def test_checking_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run(KL, lambda *a: right(*a) + torch.rand(()))
    assert torch.equal(before, torch.get_rng_state())


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"kl_gausian.*divergences.kl_gaussian"):
        run("divergences.kl_gausian", right)


def test_judge_refuses_a_record_of_other_cases():
    with pytest.raises(ValueError, match="cases was expected"):
        checks.judge(KL, [], seed=0)


def test_check_prints_one_line_or_raises(capsys):
    assert check(KL, right) is None
    assert capsys.readouterr().out == "✓ divergences.kl_gaussian: right\n"
    with pytest.raises(CheckFailed, match="not written yet") as failure:
        check(KL, unwritten)
    assert failure.value._render_traceback_() == ["CheckFailed: divergences.kl_gaussian"]


def test_card_escapes_what_the_student_wrote():
    card = report.card(checks.Verdict(KL, False, "expected <1>, got <script>"))
    assert "<script>" not in card._repr_html_() and "&lt;script&gt;" in card._repr_html_()


def luminance(color: str) -> float:
    """Relative luminance by WCAG 2.1 of a color #rrggbb."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("state", cards.MARKS)
def test_a_mark_can_be_read_in_any_theme(state):
    """White on its chip; no other text of a card has a color of its own."""
    text = cards.Card(state, KL, "m", [("got", "1", True)], ["h"])._repr_html_()
    assert re.findall(r"[^-]color: (#\w+)", text) == ["#ffffff"]
    assert 1.05 / (luminance(cards.MARKS[state][1]) + 0.05) >= 4.5


def test_a_failed_card_has_three_lines_and_the_next_hint_behind_a_click():
    verdict = run(KL, lambda *inputs: right(*inputs).mul(2))
    card = report.card(verdict)
    assert [name for name, *_ in card.lines][:2] == ["expected", "got"]
    assert verdict.message == f"{verdict.what} {verdict.cause}".rstrip()
    hints = checks.exercise(KL).hints
    assert card._repr_html_().count("<details") == len(hints)
    hint(KL)
    assert report.card(verdict).hints == hints[1:]


def test_what_is_no_comparison_is_told_in_one_line():
    assert cards.what_and_cause("mean_q changed in place.", "") == [
        ("what", "mean_q changed in place.", False)
    ]
    assert cards.what_and_cause("a: expected 1, got 2: twice.", "Because.") == [
        ("expected", "a: 1", True),
        ("got", "2: twice", True),
        ("likely cause", "Because.", False),
    ]


def test_progress_unfolds_the_lesson_at_hand_alone(own_progress):
    check(KL, right)
    html = checks.progress()._repr_html_()
    assert html.count("<details open>") == 1 and "○" not in html
    assert html.index("<details open>") < html.index("divergences") < html.index("elbo")
    assert repr(checks.progress()).count("○") == 5


def test_hints_come_one_at_a_time_and_the_last_stays(capsys):
    count = len(checks.exercise(KL).hints)
    for _ in range(count + 1):
        hint(KL)
    lines = capsys.readouterr().out.splitlines()
    assert [f"hint {min(n, count)} of {count}" in lines[n - 1] for n in range(1, count + 2)]
    assert lines[0] != lines[1] and lines[-1] == lines[-2]


def test_progress_grows_and_survives_later_failure(own_progress):
    check(KL, right)
    with pytest.raises(CheckFailed):
        check(KL, lambda *a: 2 * right(*a))
    assert store.passed() == {KL}
    text = repr(checks.progress())
    assert "✓ kl_gaussian" in text and "○ entropy" in text
    assert "✓" in checks.progress()._repr_html_()


def test_progress_keeps_what_a_newer_course_wrote(own_progress):
    own_progress.mkdir()
    later = '{"version": 9, "exercises": {"x.y": {"passed": true, "tries": 2, "stars": 3}}}'
    (own_progress / "progress.json").write_text(later)
    check(KL, right)
    content = store.read()
    assert content["version"] == 9 and content["exercises"]["x.y"]["stars"] == 3


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"exercises": {"a.b": {}}}', "\x00\x00"])
def test_damaged_progress_is_set_aside_not_lost(own_progress, damage, capsys):
    own_progress.mkdir()
    (own_progress / "progress.json").write_text(damage)
    check(KL, right)
    assert store.passed() == {KL}
    (aside,) = own_progress.glob("progress.damaged-*.json")
    assert aside.read_text() == damage
    assert str(aside) in capsys.readouterr().err


def test_crash_while_saving_leaves_the_old_progress(own_progress, monkeypatch):
    check(KL, right)

    def crash(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(store.os, "replace", crash)
    check("divergences.entropy", lambda p: torch.special.entr(p).sum(-1))
    assert store.passed() == {KL}
    assert not list(own_progress.glob("*.part"))


def test_a_byte_order_mark_is_no_damage(own_progress):
    check(KL, right)
    path = own_progress / "progress.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert store.passed() == {KL}
    check("divergences.entropy", lambda p: torch.special.entr(p).sum(-1))
    assert store.passed() == {KL, "divergences.entropy"}
    assert not list(own_progress.glob("progress.damaged-*"))


def damaged_in_a_folder_that_takes_no_file(home, monkeypatch):
    home.mkdir()
    (home / "progress.json").write_text("{")

    def refuse(*arguments):
        raise PermissionError("read-only")

    monkeypatch.setattr(store.Path, "replace", refuse)  # root may write anywhere
    monkeypatch.setattr(store.os, "replace", refuse)


def home_is_a_file(home, monkeypatch):
    home.write_text("not a folder")


def folder_in_the_files_place(home, monkeypatch):
    (home / "progress.json").mkdir(parents=True)


@pytest.mark.parametrize(
    "spoil", [damaged_in_a_folder_that_takes_no_file, home_is_a_file, folder_in_the_files_place]
)
def test_progress_that_cannot_be_kept_costs_no_verdict(own_progress, monkeypatch, capsys, spoil):
    spoil(own_progress, monkeypatch)
    check(KL, right)
    assert "○ kl_gaussian" in repr(checks.progress())
    captured = capsys.readouterr()
    assert "✓ divergences.kl_gaussian: right" in captured.out
    assert "progress was not saved" in captured.err and "progress cannot be read" in captured.err


def test_a_tilde_is_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_HOME", "~/x")
    assert store.progress_file() == tmp_path / "x" / "progress.json"


def test_only_students_files_count_as_students():
    assert is_students("lessons/01_divergences.py") and is_students("/tmp/ipykernel_1/2.py")
    assert not is_students(torch.__file__) and not is_students(checks.__file__)


def test_the_misconception_is_in_the_output_for_tools_that_count(monkeypatch, own_progress):
    """IPython writes what `display` is given as metadata beside the card."""
    shown = []
    display = types.SimpleNamespace(display=lambda item, metadata: shown.append(metadata["course"]))
    monkeypatch.setattr(cards, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    wrong = checks.exercise(KL).misconceptions[0]
    with pytest.raises(CheckFailed):
        check(KL, wrong.answer)
    check(KL, right)
    assert [told["misconception"] for told in shown] == [wrong.name, None]
    assert [told["passed"] for told in shown] == [False, True]

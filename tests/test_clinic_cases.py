"""Every case of the clinic's ward round is whole, and the closing page leads to each of them."""

import re
from pathlib import Path

import pytest

from course_lib.checks import names

LESSONS = Path(__file__).parents[1] / "lessons"
SILENT = "F2 F9 A5 C3 C4 C7 C11 C17 C22 C27 C31 T8"
OTHERS = "F1 F3 F4 F7 F10 F13 F14 A1 A3 A4 A11 A12 C9 C12 C13 C16 C18 C20 C24 C26 C33 C35 C36 T11"
CASES = f"{SILENT} {OTHERS}".split()


def sections() -> dict[str, str]:
    """The text of each case, from its heading to the next heading that is not an exercise's."""
    found = {}
    for letter in "abc":
        script = (LESSONS / f"18{letter}_clinic.py").read_text(encoding="utf-8")
        for part in re.split(r"^# #{2,3} (?!Exercise)", script, flags=re.MULTILINE):
            if named := re.match(r"[A-Z]\d+(?= ·)", part):
                assert named.group() not in found
                found[named.group()] = part
    return found


SECTIONS = sections()


def test_the_ward_has_its_36_cases():
    assert sorted(SECTIONS) == sorted(CASES)
    assert len(CASES) == len(set(CASES)) == 36


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_whole(case):
    text = SECTIONS[case]
    exercise = re.search(r'# %%.* exercise="clinic\.(\w+)"', text).group(1)
    assert exercise.startswith(f"{case.lower()}_")
    assert f'check("clinic.{exercise}", ' in text
    assert f"clinic.{exercise}" in names()
    before, _, _ = text.partition("# ### Exercise")
    program, _, diagnosis = before.partition("**Predict")
    assert re.search(r"^# %%(?! \[)", program, re.MULTILINE), "a program whose symptom is seen"
    question, _, taken = diagnosis.partition("# %%")
    for number, letter in zip("123", "abc", strict=True):  # announced, then taken
        label = rf"\(({number}|{letter})\)"
        assert re.search(label, question), (case, label)
        told = rf"\(({number}|{letter})[,)]|\b{number}  |[\"']{number} "
        assert re.search(rf"(?m)^(?!#).*({told})", taken), (case, label)
    causes = re.findall(r"<summary>([A-D]) · ", diagnosis)
    assert causes == ["A", "B", "C", "D"]
    answers = re.findall(r"</summary>(.*?)</details>", diagnosis, re.DOTALL)
    assert len(answers) == 4 and all(len(answer.split()) > 4 for answer in answers)
    assert sum(answer.lstrip("# \n").startswith("Yes") for answer in answers) == 1


def test_the_differential_diagnosis_leads_to_every_case():
    script = (LESSONS / "18c_clinic.py").read_text(encoding="utf-8")
    page = script.partition("## The differential diagnosis")[2].partition("## Your scoreboard")[0]
    rows = [line for line in page.splitlines() if line.count("|") >= 4][2:]
    assert rows
    told = set()
    for row in rows:
        *_, cases = [cell.strip() for cell in row.strip("#| ").split("|")]
        named = set(re.findall(r"\b[A-Z]\d+\b", cases))
        assert named, row
        told |= named
    assert told == set(CASES)

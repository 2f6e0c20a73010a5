"""From a lesson's script to its notebooks: every mistake is named, every rebuild is the same."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from course_lib import checks
from course_lib.authoring import build as building
from course_lib.authoring.build import BuildError, build, course_hints, stale
from course_lib.authoring.dependencies import open_cells
from course_lib.authoring.execute import MAX_BYTES, output_faults
from course_lib.authoring.failures import Solution
from course_lib.authoring.following import Code, followers
from course_lib.authoring.lesson import Cell, LessonError, parse, read_lessons
from course_lib.authoring.notebooks import (
    cell_ids,
    fold,
    solution_notebook,
    student_notebook,
    with_pictures,
)
from course_lib.authoring.validate import CELL_SECONDS, environment, pytest_command, validate

TINY = '''\
# %% [markdown]
# # A tiny lesson
# With *prose*.

# %%
import os


def check(name, answer):
    assert answer(2) == {"tiny.double": 4, "tiny.Tripler": 6}[name], f"{name} is wrong"
    print(name, "right")


# %% [markdown]
# ### Exercise `double`

# %% exercise="tiny.double"
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    result = x + x
    return result
    # END SOLUTION


# %% check="tiny.double"
check("tiny.double", double)

# %%
print("eight is", double(4))

# %% [markdown]
# ### Exercise `Tripler`

# %% exercise="tiny.Tripler"
class Tripler:
    def __init__(self, factor=3):
        # BEGIN SOLUTION
        self.factor = factor
        # END SOLUTION

    def __call__(self, x):
        # BEGIN SOLUTION
        return self.factor * x
        # END SOLUTION


# %% check="tiny.Tripler"
check("tiny.Tripler", Tripler())

# %%
print("scale", os.environ["COURSE_SCALE"], "static", os.environ["COURSE_STATIC"])

# %% [markdown] tags=["solution"]
# The answer, for instructors.

# %% tags=["solution", "nbval-check-output"]
print(sum(double(x) for x in range(3)))
'''
HINTS = {
    "tiny.double": ("What is *twice*?", "x < y & x_1 costs $1", "Add x to itself."),
    "tiny.Tripler": ("Keep the factor.",),
}


def write_lesson(root, text=TINY, stem="07_tiny"):
    path = root / "lessons" / f"{stem}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder, text):
    """The `line: message` of each problem of a script."""
    with pytest.raises(LessonError) as caught:
        read_lessons([write_lesson(folder, text)], HINTS)
    said = str(caught.value).split("\n")
    assert all(line.startswith("lessons/07_tiny.py:") for line in said)
    return [line.removeprefix("lessons/07_tiny.py:") for line in said]


def line_of(text, wanted):
    """The number of the first line that is `wanted`."""
    return text.split("\n").index(wanted) + 1


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    write_lesson(root)
    build(root, hints=HINTS, scale="smoke")
    return root


@pytest.fixture
def built(built_once, tmp_path):
    """A folder of its own with the tiny lesson built and executed."""
    shutil.copytree(built_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def notebook(root, folder, stem="07_tiny"):
    return nbformat.read(root / folder / f"{stem}.ipynb", as_version=4)


def files(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# --- mistakes in a script ------------------------------------------------------------------------

MISTAKES = {
    "unclosed mark": (
        ("    return result\n    # END SOLUTION", "    return result"),
        "    # BEGIN SOLUTION",
        "never closed",
    ),
    "END without BEGIN": (
        ("    # BEGIN SOLUTION\n    result", "    result"),
        "    # END SOLUTION",
        "without # BEGIN",
    ),
    "nested mark": (
        ("    return result\n", "    # BEGIN SOLUTION\n    return result  \n"),
        "    return result  ",
        "inside the one of line 20",
        -1,
    ),
    "mark outside an exercise": (
        ('print("eight is", double(4))', "# BEGIN SOLUTION\n# END SOLUTION\ndouble(1)"),
        "double(1)",
        "BEGIN SOLUTION outside an exercise cell",
        -2,
    ),
    "misspelt mark": (
        ("        # BEGIN SOLUTION\n        return", "        # Begin solution\n        return"),
        "        # Begin solution",
        "write the mark as",
    ),
    "exercise without a mark": (
        (
            "    # BEGIN SOLUTION\n    result = x + x\n    return result\n    # END SOLUTION",
            "    1",
        ),
        '# %% exercise="tiny.double"',
        "has no # BEGIN SOLUTION",
    ),
    "check without an exercise": (
        ('# %% exercise="tiny.double"', "# %%"),
        '# %% check="tiny.double"',
        "has no exercise before it",
    ),
    "check before its exercise": (
        (
            "# %% [markdown]\n# ### Exercise `double`",
            '# %% check="tiny.double"\ncheck("tiny.double")',
        ),
        '# %% check="tiny.double"',
        "has no exercise before it",
    ),
    "exercise without a check": (
        ('# %% check="tiny.double"', "# %%"),
        '# %% exercise="tiny.double"',
        "tiny.double has no check cell",
    ),
    "unknown exercise": (
        ("tiny.Tripler", "tiny.Tripple"),
        '# %% exercise="tiny.Tripple"',
        "knows no exercise tiny.Tripple",
    ),
    "another lesson's exercise": (
        ("tiny.Tripler", "huge.Tripler"),
        '# %% exercise="huge.Tripler"',
        "names start with tiny.",
    ),
    "duplicate exercise": (
        ('# %% exercise="tiny.Tripler"', '# %% exercise="tiny.double"'),
        "class Tripler:",
        "tiny.double a second time; the first is at line 17",
        -1,
    ),
    "duplicate check": (
        (
            '# %% check="tiny.Tripler"\ncheck("tiny.Tripler",',
            '# %% check="tiny.double"\ncheck("tiny.double",',
        ),
        'check("tiny.double", Tripler())',
        "tiny.double a second time",
        -1,
    ),
    "the check of another name": (
        ('check("tiny.Tripler", Tripler())', 'check("tiny.double", Tripler())'),
        '# %% check="tiny.Tripler"',
        'must call check("tiny.Tripler", ...)',
    ),
    "no Python": (
        ("    result = x + x", "    result = x +"),
        "    result = x +",
        "not valid Python: invalid syntax",
    ),
    "no Python once stubbed": (
        ("    # BEGIN SOLUTION\n    result", "  # BEGIN SOLUTION\n    result"),
        '# %% exercise="tiny.double"',
        "once the solution is a stub",
    ),
    "magic": (("import os", "%matplotlib inline\nimport os"), "%matplotlib inline", "a magic"),
    "shell": (("import os", "!ls data\nimport os"), "!ls data", "a magic"),
    "question mark": (("import os", "os.path?"), "os.path?", "a magic"),
    "commented magic": (("import os", "# %time\nimport os"), "# %time", "a magic"),
    "empty cell": (('print("eight is", double(4))', ""), "# %%", "an empty cell", 24),
    "misspelt key": (
        ('# %% exercise="tiny.double"', '# %% exercice="tiny.double"'),
        '# %% exercice="tiny.double"',
        "got exercice='tiny.double'",
    ),
    "misspelt tag": (
        ('"nbval-check-output"', '"nbval-check-outputs"'),
        '# %% tags=["solution", "nbval-check-outputs"]',
        "nbval-check-outputs",
    ),
    "unquoted name": (
        ('# %% check="tiny.double"', "# %% check=tiny.double"),
        "# %% check=tiny.double",
        "may stand",
    ),
    "exercise left out for students": (
        ('# %% exercise="tiny.double"', '# %% exercise="tiny.double" tags=["solution"]'),
        '# %% exercise="tiny.double" tags=["solution"]',
        "without the tag solution",
    ),
    "no prose before an exercise": (
        ("# %% [markdown]\n# ### Exercise `double`", "# %%\n# Exercise `double`"),
        '# %% exercise="tiny.double"',
        "put a markdown cell directly before",
    ),
    "text before the first cell": (
        ("# %% [markdown]\n# # A", "# # A"),
        "# # A tiny lesson",
        "first line",
    ),
    "cell mark in a string": (
        ('    """Twice x."""', '    """Twice x.\n# %%\n    """'),
        "# %% [markdown]",
        "inside a string",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line(tmp_path, name):
    (old, new), wanted, message, *offset = MISTAKES[name]
    assert old in TINY
    text = TINY.replace(old, new)
    line = line_of(text, wanted) + sum(offset)
    found = problems(tmp_path, text)
    assert any(said.startswith(f"{line}: ") and message in said for said in found), found


def test_the_tiny_lesson_has_no_mistake(tmp_path):
    (lesson,) = read_lessons([write_lesson(tmp_path)], HINTS)
    assert [cell.line for cell in lesson.cells][:4] == [1, 5, 14, 17]
    assert (lesson.stem, lesson.slug) == ("07_tiny", "tiny")


def test_text_that_looks_like_a_magic_is_left_alone(tmp_path):
    text = TINY.replace("import os", 'import os\n\nx = """\n%d items\n!x\n"""\n# why so?\n# %5 off')
    read_lessons([write_lesson(tmp_path, text)], HINTS)


def test_all_mistakes_of_all_lessons_come_at_once(tmp_path):
    first = write_lesson(tmp_path, TINY.replace("    # END SOLUTION", "", 1), "07_tiny")
    second = write_lesson(tmp_path, TINY.replace("tiny.Tripler", "tiny.Tripple"), "08_tiny")
    third = write_lesson(tmp_path, TINY, "tiny")
    with pytest.raises(LessonError) as caught:
        read_lessons([first, second, third], HINTS)
    said = str(caught.value).split("\n")
    assert [line.split(":")[0] for line in said] == [
        *("lessons/07_tiny.py", "lessons/08_tiny.py", "lessons/08_tiny.py", "lessons/tiny.py")
    ]


def test_nothing_is_written_when_a_lesson_has_a_mistake(tmp_path):
    write_lesson(tmp_path)
    write_lesson(tmp_path, TINY.replace("    # END SOLUTION", "", 1), "08_tiny")
    with pytest.raises(LessonError):
        build(tmp_path, hints=HINTS, execute_code=False)
    assert not (tmp_path / "notebooks").exists()


# --- the student's notebook ----------------------------------------------------------------------


def test_solutions_become_stubs_and_solution_cells_are_left_out(built):
    cells = notebook(built, "notebooks").cells
    exercise = next(cell for cell in cells if cell.metadata.get("exercise") == "tiny.double")
    assert exercise.source == (
        'def double(x):\n    """Twice x."""\n'
        '    raise NotImplementedError("tiny.double")  # your code here'
    )
    tripler = next(cell for cell in cells if cell.metadata.get("exercise") == "tiny.Tripler")
    stub = '        raise NotImplementedError("tiny.Tripler")  # your code here'
    assert tripler.source.split("\n").count(stub) == 2
    text = (built / "notebooks" / "07_tiny.ipynb").read_text()
    for hidden in ("SOLUTION", "x + x", "self.factor * x", "for instructors", "range(3)"):
        assert hidden not in text


def test_a_stub_at_the_cells_own_level_is_python():
    cell = Cell("code", "# BEGIN SOLUTION\nx = 1\n# END SOLUTION", 1, exercise="tiny.x")
    assert cell.stubbed == 'raise NotImplementedError("tiny.x")  # your code here'
    assert cell.solved == "x = 1"


def test_notebooks_carry_no_outputs_and_only_constant_metadata(built):
    student = notebook(built, "notebooks")
    assert all(not c.outputs and c.execution_count is None for c in student.cells if "outputs" in c)
    assert student.metadata == notebook(built, "solutions").metadata
    assert set(student.metadata) == {"kernelspec", "language_info"}
    assert student.metadata.language_info == {"name": "python"}
    assert (student.nbformat, student.nbformat_minor) == (4, 5)
    text = (built / "notebooks" / "07_tiny.ipynb").read_text()
    assert text.endswith("}\n") and "jupytext" not in text and "lines_to_next_cell" not in text
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_cells_of_both_notebooks_share_ids_and_names(built):
    student, solution = notebook(built, "notebooks"), notebook(built, "solutions")
    left_out = [c.id for c in solution.cells if "solution" in c.metadata.get("tags", [])]
    assert [c.id for c in student.cells] == [c.id for c in solution.cells if c.id not in left_out]
    assert len(left_out) == 2
    assert "exercise-tiny-Tripler" in {cell.id for cell in student.cells}
    for one, other in zip(
        student.cells, [c for c in solution.cells if c.id not in left_out], strict=True
    ):
        for key in ("exercise", "check"):
            assert one.metadata.get(key) == other.metadata.get(key)


def test_nbgraders_fields_are_in_the_students_notebook_alone(built):
    assert all("nbgrader" not in cell.metadata for cell in notebook(built, "solutions").cells)
    fields = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in notebook(built, "notebooks").cells
        if "nbgrader" in cell.metadata
    }
    assert list(fields) == [
        *("exercise-tiny-double", "check-tiny-double"),
        *("exercise-tiny-Tripler", "check-tiny-Tripler"),
    ]
    shared = {"schema_version": 3, "cell_type": "code", "task": False}
    answer = {"grade": False, "solution": True, "locked": False}
    test = {"grade": True, "solution": False, "locked": True, "points": 1}
    assert fields["exercise-tiny-double"] == {
        **shared,
        **answer,
        "grade_id": "exercise-tiny-double",
    }
    assert fields["check-tiny-double"] == {**shared, **test, "grade_id": "check-tiny-double"}


def test_hints_unfold_one_inside_the_other_before_the_exercise(built):
    cells = notebook(built, "notebooks").cells
    at = next(i for i, cell in enumerate(cells) if cell.metadata.get("exercise") == "tiny.double")
    prose, folded = cells[at - 1].source.split("\n\n", 1)
    assert prose == "### Exercise `double`"
    assert folded == fold(HINTS["tiny.double"]).strip()
    assert "\n\n" not in folded  # a blank line would end the HTML block
    assert folded.count("<details>") == folded.count("</details>") == 3
    places = [folded.index(f"Hint {number} of 3") for number in (1, 2, 3)]
    assert places == sorted(places) and folded.index("</details>") > places[2]
    assert "x &lt; y &amp; x_1 costs &#36;1" in folded
    assert "<details>" not in (built / "solutions" / "07_tiny.ipynb").read_text()


def test_ids_follow_the_content_and_equal_cells_keep_apart():
    text = TINY.replace("# With *prose*.", "# With *other prose*.")
    before = cell_ids(parse(TINY, "lessons/07_tiny.py"))
    after = cell_ids(parse(text, "lessons/07_tiny.py"))
    assert [old == new for old, new in zip(before, after, strict=True)] == [False] + 11 * [True]
    twins = parse("# %%\nprint(1)\n\n# %%\nprint(1)\n\n# %%\nprint(1)\n", "lessons/07_tiny.py")
    first, second, third = cell_ids(twins)
    assert (second, third) == (f"{first}_2", f"{first}_3")


# --- which cells may raise -----------------------------------------------------------------------


def tagged(*sources, exercise=0):
    """Positions of the cells that may raise, where cell `exercise` defines `f`."""
    cells = [
        Cell("code", source, at, exercise="tiny.f" if at == exercise else None)
        for at, source in enumerate(sources)
    ]
    for cell in cells:
        ast.parse(cell.source)
    return open_cells(cells) - {exercise}


F = "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION"
DEPENDENT = {
    "a call": ("f(1)",),
    "what a call gave": ("y = f(1)", "print(y)"),
    "a name handed on": ("g = f", "h = g", "h(1)"),
    "an attribute": ("f.cache = 1",),
    "a list it should have filled": ("seen = [f(1)]", "seen[0]"),
    "a function that calls it": ("def g(x):\n    return f(x)", "g(2)"),
    "a class that calls it": ("class A:\n    def m(self):\n        return f(1)", "A().m()"),
    "a lambda": ("g = lambda x: f(x)", "g(1)"),
    "a comprehension": ("[f(x) for x in range(3)]",),
    "a default value": ("def g(x=f): pass",),
    "a decorator": ("@f\ndef g(): pass", "g"),
    "a base class": ("class A(f): pass", "A"),
    "a keyword": ("print(1, end=f)",),
    "an f-string": ('print(f"{f(1)}")',),
    "a loop's variable": ("for y in f(1):\n    pass", "y"),
    "a with's variable": ("with f(1) as y:\n    pass", "y"),
    "a walrus": ("if (y := f(1)):\n    pass", "y"),
    "an unpacking": ("a, (b, *c) = f(1)", "c"),
    "an augmented name": ("y = f(1)", "y += 1", "y"),
    "a match": ("match f(1):\n    case [y, *z]:\n        pass", "z"),
    "an except": ("try:\n    pass\nexcept f as y:\n    pass",),
    "a global": ("def g():\n    global y\n    y = f(1)", "y"),
    "behind a failing line": ("f(1)\ny = 2", "y"),
    "an import behind a failing line": ("f(1)\nimport math", "math.pi"),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_what_needs_an_exercise_is_tagged(name):
    cells = DEPENDENT[name]
    assert tagged(F, *cells) == set(range(1, len(cells) + 1))


@pytest.mark.parametrize(
    "changing",
    [
        *("seen.append(f(1))", "seen[0] = f(1)", "seen.first = f(1)", "fill(seen, f)"),
        *("fill(by=f, into=seen)", "seen += [f(1)]", "seen.a[0].update(f(1))", "del seen[f(0)]"),
    ],
)
def test_what_a_failing_cell_should_have_changed_is_open(changing):
    cells = ("def fill(*items, **more): pass\nseen = []", changing, "seen[0]", "print(1)")
    assert tagged(F, *cells) == {2, 3}


def test_a_function_defined_before_the_exercise_that_it_calls():
    before = "def g(x):\n    return h(x)\n\n\ndef h(x):\n    return f(x)"
    assert tagged(before, F, "print(g(1))", "print(2)", exercise=1) == {2}
    made = "class Model:\n    def run(self):\n        return f(1)\n\n\nmodel = Model()"
    assert tagged(made, F, "model.run()", exercise=1) == {2}


@pytest.mark.parametrize(
    "free",
    [
        "x = 1",
        "def g(f):\n    return f(1)\n\n\ng(2)",
        "[f for f in range(3)]",
        "for f in range(3):\n    print(f)",
        "with open(1) as f:\n    f.read()",
        "f = 3\nprint(f)",
        "import math as f\nf.pi",
        "(lambda f: f(1))(abs)",
        "def g():\n    f = 1\n    return f\n\n\ng()",
    ],
)
def test_what_needs_no_exercise_is_not_tagged(free):
    assert tagged(F, free) == set()


def test_modules_and_names_given_anew_stay_usable():
    cells = ("import math as m\ny = 1", "y = f(m.pi)\nm.floor(y)", "y = 2", "print(y, m.pi)")
    assert tagged(F, *cells) == {2}


def test_a_stub_that_raises_at_once_opens_all_behind_it():
    whole = "# BEGIN SOLUTION\nf = 1\n# END SOLUTION\nimport math\ng = 2"
    assert tagged(whole, "f", "g", "math.pi", "print()") == {1, 2, 3}


def test_the_students_notebook_is_tagged_and_the_solution_is_not(built):
    student = [c for c in notebook(built, "notebooks").cells if c.cell_type == "code"]
    raising = ["raises-exception" in cell.metadata.get("tags", []) for cell in student]
    assert raising == [False, True, True, True, True, True, False]
    assert "raises-exception" not in (built / "solutions" / "07_tiny.ipynb").read_text()


def test_a_folded_cell_hides_its_source_in_both_notebooks():
    made = parse('# %% tags=["folded"]\nprint(1)\n\n# %%\nprint(2)\n', "lessons/07_tiny.py")
    for built in (student_notebook(made, {}), solution_notebook(made)):
        hidden = [cell.metadata.get("jupyter") for cell in built.cells]
        assert hidden == [{"source_hidden": True}, None]


def test_a_paper_that_the_text_names_becomes_a_link():
    text = (
        "# %% [markdown]\n# Adam, arXiv 1412.6980; Lin, doi 10.1109/18.61115. Two lines: arXiv\n"
        "# 1406.2661, and a link already: [arXiv 1312.6114](https://arxiv.org/abs/1312.6114).\n\n"
        "# %%\nprint('arXiv 1412.6980')\n"
    )
    prose, code = solution_notebook(parse(text, "lessons/07_tiny.py")).cells
    assert "Adam, [arXiv 1412.6980](https://arxiv.org/abs/1412.6980); Lin" in prose.source
    assert "[doi 10.1109/18.61115](https://doi.org/10.1109/18.61115). Two" in prose.source
    assert "[arXiv 1406.2661](https://arxiv.org/abs/1406.2661), and" in prose.source
    assert prose.source.count("arxiv.org/abs/1312.6114") == 1 and "](" not in code.source


def test_a_solution_links_the_pictures_that_a_student_gets_inside(tmp_path):
    write_lesson(tmp_path, f"# %% [markdown]\n# ![what](../images/07_tiny.png)\n\n{TINY}")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "07_tiny.png").write_bytes(b"pixels")
    build(tmp_path, hints=HINTS, scale="smoke")
    first = {folder: notebook(tmp_path, folder).cells[0] for folder in ("notebooks", "solutions")}
    assert "attachments" in first["notebooks"] and "attachments" not in first["solutions"]
    assert "(../images/07_tiny.png)" in first["solutions"].source
    assert stale(tmp_path, hints=HINTS) == []


def test_a_picture_that_the_text_shows_stands_in_the_notebook(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "07_tiny.png").write_bytes(b"pixels")
    text = "# %% [markdown]\n# # Tiny\n#\n# ![what](../images/07_tiny.png)\n"
    made = with_pictures(solution_notebook(parse(text, "lessons/07_tiny.py")), tmp_path)
    nbformat.validate(made)
    (cell,) = made.cells
    assert "![what](attachment:07_tiny.png)" in cell.source and "images/" not in cell.source
    assert cell.attachments == {"07_tiny.png": {"image/png": "cGl4ZWxz"}}
    (tmp_path / "images" / "07_tiny.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"07_tiny\.png"):
        with_pictures(solution_notebook(parse(text, "lessons/07_tiny.py")), tmp_path)


# --- the complete notebook -----------------------------------------------------------------------


def test_the_solution_is_complete_and_executed(built):
    solution = notebook(built, "solutions")
    code = [cell for cell in solution.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, 9))
    text = "".join(output.text for cell in code for output in cell.outputs)
    assert text.split("\n") == [
        *("tiny.double right", "eight is 8", "tiny.Tripler right", "scale smoke static 1", "6", "")
    ]
    assert all("SOLUTION" not in cell.source for cell in code)
    assert "return self.factor * x" in code[4].source
    assert all("execution" not in cell.metadata for cell in code)
    checks = [cell for cell in code if "check" in cell.metadata]
    assert all(cell.metadata.tags == ["nbval-check-output"] for cell in checks)


def test_a_rebuild_changes_no_byte_and_runs_nothing(built, monkeypatch):
    before = files(built)
    monkeypatch.setattr(building, "execute", lambda *_: pytest.fail("executed"))
    assert build(built, hints=HINTS) == []
    (built / "notebooks" / "07_tiny.ipynb").unlink()
    assert build(built, hints=HINTS) == ["notebooks/07_tiny.ipynb written"]
    assert files(built) == before
    assert stale(built, hints=HINTS) == []


def test_a_fresh_build_makes_the_same_bytes(built, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_lesson(other)
    build(other, hints=HINTS, scale="smoke")
    for name in ("notebooks/07_tiny.ipynb", "solutions/07_tiny.ipynb"):
        assert (built / name).read_bytes() == (other / name).read_bytes()


def test_prose_changes_keep_outputs_and_code_changes_do_not(built, monkeypatch):
    ran = []
    monkeypatch.setattr(building, "execute", lambda lesson, *_: ran.append(lesson.stem))
    write_lesson(built, TINY.replace("# With *prose*.", "# With other prose."))
    assert stale(built, hints=HINTS) == [
        "notebooks/07_tiny.ipynb: cell 1 is not what the lesson makes",
        "solutions/07_tiny.ipynb: cell 1 is not what the lesson makes",
    ]
    build(built, hints=HINTS)
    assert ran == [] and stale(built, hints=HINTS) == []
    outputs = [cell.outputs for cell in notebook(built, "solutions").cells if "outputs" in cell]
    assert sum(map(bool, outputs)) == 5
    write_lesson(built, TINY.replace("double(4)", "double(2)"))
    build(built, hints=HINTS)
    assert ran == ["07_tiny"]


def test_two_sittings_of_one_lesson_share_its_slug():
    first, second = (parse("# %%\nx = 1\n", f"lessons/06{part}_tiny.py") for part in "ab")
    assert (first.stem, first.slug, second.slug) == ("06a_tiny", "tiny", "tiny")


def test_check_names_each_stale_file_and_writes_nothing(built):
    write_lesson(built, TINY.replace("double(4)", "double(2)"))
    (built / "solutions" / "plot.png").write_bytes(b"")
    (built / "notebooks" / ".ipynb_checkpoints").mkdir()
    before = files(built)
    assert stale(built, hints=HINTS) == [
        "notebooks/07_tiny.ipynb: cell 6 is not what the lesson makes",
        "solutions/07_tiny.ipynb: the code of lessons/07_tiny.py:29 (cell 6) has changed",
        "solutions/plot.png: no lesson makes it",
    ]
    assert files(built) == before


def test_check_tells_what_is_missing_damaged_or_never_executed(built):
    solution = notebook(built, "solutions")
    solution.cells[1].execution_count = None
    nbformat.write(solution, built / "solutions" / "07_tiny.ipynb")
    (built / "notebooks" / "07_tiny.ipynb").write_text("{")
    assert stale(built, hints=HINTS) == [
        "notebooks/07_tiny.ipynb: it is no notebook",
        "solutions/07_tiny.ipynb: lessons/07_tiny.py:5 (cell 2) was never executed",
    ]
    shutil.rmtree(built / "notebooks")
    (built / "solutions" / "07_tiny.ipynb").unlink()
    assert stale(built, hints=HINTS) == [
        "notebooks/07_tiny.ipynb: there is none",
        "solutions/07_tiny.ipynb: there is none",
    ]


def test_check_finds_a_notebook_that_was_edited_by_hand(built):
    for folder in ("notebooks", "solutions"):
        path = built / folder / "07_tiny.ipynb"
        path.write_text(path.read_text().replace("A tiny lesson", "A small lesson"))
    assert stale(built, hints=HINTS) == [
        "notebooks/07_tiny.ipynb: cell 1 is not what the lesson makes",
        "solutions/07_tiny.ipynb: cell 1 is not what the lesson makes",
    ]


def test_no_execute_leaves_a_stale_solution_and_says_so(built):
    write_lesson(built, TINY.replace("double(4)", "double(2)"))
    before = (built / "solutions" / "07_tiny.ipynb").read_bytes()
    said = build(built, hints=HINTS, execute_code=False)
    assert said[0] == "notebooks/07_tiny.ipynb written"
    assert said[1].startswith("solutions/07_tiny.ipynb is stale, and was left as it is: the code")
    assert (built / "solutions" / "07_tiny.ipynb").read_bytes() == before


def test_one_lesson_can_be_built_by_name(tmp_path):
    write_lesson(tmp_path)
    write_lesson(tmp_path, TINY, "08_tiny")
    build(tmp_path, ["lessons/08_tiny.py"], hints=HINTS, execute_code=False)
    assert [path.name for path in (tmp_path / "notebooks").iterdir()] == ["08_tiny.ipynb"]
    with pytest.raises(BuildError, match="no lesson 09_tiny; there are 07_tiny, 08_tiny"):
        build(tmp_path, ["09_tiny"], hints=HINTS)


def test_a_notebook_that_somebody_works_in_is_not_overwritten(built):
    work = notebook(built, "notebooks")
    work.cells[1].execution_count = 1
    nbformat.write(work, built / "notebooks" / "07_tiny.ipynb")
    before = files(built)
    with pytest.raises(BuildError, match=r"notebooks/07_tiny\.ipynb has been run: it may hold"):
        build(built, hints=HINTS)
    assert files(built) == before


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    path.write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        building.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["x.ipynb"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\n\nwarnings.warn('beware')", "an error or a warning in the output"),
        ("import os\n\nprint(os.getcwd())", "a path of this machine in the output"),
        ("object()", "object at 0x"),
        ("from course_lib.plotting import *\n\nshow(Figure())", "cannot see it, only «untitled»"),
    ],
)
def test_what_must_not_be_published_stops_the_build_and_names_the_cell(tmp_path, code, message):
    write_lesson(tmp_path, f"# %%\nx = 1\n\n# %%\n{code}\n")
    with pytest.raises(BuildError) as caught:
        build(tmp_path, hints={}, scale="smoke")
    assert "lessons/07_tiny.py:4 (cell 2)" in str(caught.value)
    assert message in str(caught.value)
    assert not (tmp_path / "solutions" / "07_tiny.ipynb").exists()
    assert (tmp_path / "notebooks" / "07_tiny.ipynb").exists()


def test_a_notebook_that_is_too_large_names_its_largest_cell(tmp_path, monkeypatch):
    assert MAX_BYTES == 1_500_000
    monkeypatch.setattr("course_lib.authoring.execute.MAX_BYTES", 20_000)
    write_lesson(tmp_path, "# %%\nx = 1\n\n# %%\nprint('x' * 30_000)\n\n# %%\nprint(2)\n")
    said = r"lessons/07_tiny\.py:4 \(cell 2\) is the largest cell of 0\.03 MB.* may have 0\.02 MB"
    with pytest.raises(BuildError, match=said):
        build(tmp_path, hints={}, scale="smoke")


def test_pictures_that_are_too_large_together_name_the_cell_of_the_largest(tmp_path, monkeypatch):
    monkeypatch.setattr("course_lib.authoring.execute.MAX_PICTURES", 20_000)
    show = "from IPython.display import Image, display\nfrom os import urandom\n"
    small, large = (f"display(Image(urandom({n}), format='png'))\n" for n in (6_000, 12_000))
    write_lesson(tmp_path, f"# %%\n{show}{small}\n# %%\n{large}")
    said = (
        r"(?s)07_tiny\.py:6 \(cell 2\) draws the largest of 0\.02 MB of pictures: .* 0\.02 MB"
        r".*kept in build/refused/07_tiny\.ipynb"
    )
    with pytest.raises(BuildError, match=said):
        build(tmp_path, hints={}, scale="smoke")
    assert not (tmp_path / "solutions/07_tiny.ipynb").exists()
    kept = nbformat.read(tmp_path / "build/refused/07_tiny.ipynb", as_version=4)
    assert [len(cell.outputs) for cell in kept.cells] == [1, 1]


def test_one_failing_lesson_does_not_keep_the_others_from_being_built(tmp_path):
    write_lesson(tmp_path, "# %%\n1 / 0\n", "06_tiny")
    write_lesson(tmp_path, "# %%\nprint(1)\n", "07_tiny")
    with pytest.raises(BuildError, match="ZeroDivisionError"):
        build(tmp_path, hints={}, scale="smoke")
    assert (tmp_path / "solutions" / "07_tiny.ipynb").exists()


def test_letters_of_a_picture_and_longer_names_are_no_paths(tmp_path):
    root = tmp_path.parent / "repository"
    picture = f"data:image/png;base64,iVBOR{str(root).replace('-', '+').replace('_', '+')}=="
    data = {"image/png": f"A{root}B", "text/html": f'<img src="{picture}">'}
    shown = nbformat.from_dict({"output_type": "display_data", "data": data})
    assert list(output_faults(shown, root)) == []
    for text, faulty in ((f"in {root}", True), (f"in {root}/x", True), (f"in {root}_b", False)):
        printed = nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": text})
        found = [said for said in output_faults(printed, root) if said.endswith(str(root))]
        assert bool(found) == faulty


# --- what course_lib.checks gives the builder ----------------------------------------------------


def test_hints_come_from_the_declared_exercises():
    hints = course_hints()
    assert list(hints) == checks.names()
    assert all(isinstance(hint, str) and hint for name in hints for hint in hints[name])


# --- validation ----------------------------------------------------------------------------------


def run_validate(root, capfd, only=()):
    status = validate(root, only)
    return status, re.sub(r"\x1b\[[0-9;]*m", "", capfd.readouterr().out)


def test_a_sound_solution_passes_and_nothing_is_written(built, capfd, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    before = files(built)
    status, said = run_validate(built, capfd)
    assert status == 0, said
    assert re.search(r"solutions/07_tiny\.ipynb: 8 cells passed, \d+ s\n", said)
    assert said.endswith("1 solutions, all right\n")
    assert files(built) == before


def test_a_wrong_sign_is_told_once_with_the_judges_sentence_and_what_follows(tmp_path, capfd):
    """In the lesson's own solution, up to the training step, which calls the wrong function."""
    stem = "05_vae"
    lesson = (building.ROOT / "lessons" / f"{stem}.py").read_text(encoding="utf-8")
    lines = lesson.split("\n")
    checked = {
        name: lines.index(f'# %% check="vae.{name}"') + 1
        for name in ("negative_elbo", "train_step")
    }
    end = next(n for n in range(checked["train_step"], len(lines)) if lines[n].startswith("# %%"))
    write_lesson(tmp_path, "\n".join(lines[:end]), stem)
    made = notebook(building.ROOT, "solutions", stem)
    at = next(n for n, c in enumerate(made.cells) if c.metadata.get("check") == "vae.train_step")
    made.cells = made.cells[: at + 1]
    elbo = next(c for c in made.cells if c.metadata.get("exercise") == "vae.negative_elbo")
    assert elbo.source.count("(kl - log_likelihood)") == 1
    elbo.source = elbo.source.replace("(kl - log_likelihood)", "(kl + log_likelihood)")
    (tmp_path / "solutions").mkdir()
    nbformat.write(made, tmp_path / "solutions" / f"{stem}.ipynb")
    status, said = run_validate(tmp_path, capfd)
    assert status == 1
    code = [c for c in made.cells if c.cell_type == "code"]
    count = {c.metadata.get("check"): f"In [{n}]" for n, c in enumerate(code, 1)}
    first, own, second, follows, *rest = said.split("\n")[1:]
    place = f"  lessons/{stem}.py:{checked['negative_elbo']}, {count['vae.negative_elbo']}: "
    sentences = [m.sentence for m in checks.exercise("vae.negative_elbo").misconceptions]
    assert first.startswith(f"{place}vae.negative_elbo: ")
    assert sum(sentence in first for sentence in sentences) == 1
    answer = lines.index('# %% exercise="vae.negative_elbo"') + 1
    assert own.strip().startswith(f"its answer: lessons/{stem}.py:{answer}, In [")
    place = f"  lessons/{stem}.py:{checked['train_step']}, {count['vae.train_step']}: "
    assert second.startswith(f"{place}vae.train_step: ")
    assert follows.strip() == f"follows from {count['vae.negative_elbo']}: it uses negative_elbo"
    assert rest == ["1 solutions, not right: 05_vae", ""]


@pytest.mark.parametrize("kind", ["exercise", "check"])
def test_a_missing_cell_alone_is_red_and_named_by_the_lessons_line(built, capfd, kind):
    path = built / "solutions" / "07_tiny.ipynb"
    made = nbformat.read(path, as_version=4)
    assert Solution(path, built).missing_lines() == []
    made.cells.remove(next(c for c in made.cells if c.metadata.get(kind) == "tiny.Tripler"))
    nbformat.write(made, path)
    status, said = run_validate(built, capfd)
    line = line_of(TINY, f'# %% {kind}="tiny.Tripler"')
    gone = f"  lessons/07_tiny.py:{line}: solutions/07_tiny.ipynb has no {kind} of tiny.Tripler\n"
    assert status == 1 and gone in said
    if kind == "check":
        assert "7 cells ran, 1 missing" in said
    else:  # its check then fails, since the answer is not there
        line = line_of(TINY, '# %% check="tiny.Tripler"')
        failed = (
            f"  lessons/07_tiny.py:{line + 1}, In [5]: NameError: name 'Tripler' is not defined\n"
        )
        assert f"{failed}      follows from the missing exercise: it uses Tripler\n" in said
        assert "1 of 7 cells failed, 1 missing" in said


def test_a_check_that_is_commented_out_is_missing(built):
    path = built / "solutions" / "07_tiny.ipynb"
    path.write_text(path.read_text().replace("check(", "# check("))
    assert "has no check of tiny.double" in Solution(path, built).missing_lines()[0]


def test_a_broken_formula_is_named_by_lines_of_the_lesson_and_by_prompts(built, capfd):
    path = built / "solutions" / "07_tiny.ipynb"
    path.write_text(path.read_text().replace("result = x + x", "result = x + y"))
    status, said = run_validate(built, capfd, ["07_tiny"])
    assert status == 1 and "3 of 8 cells failed" in said
    assert (
        "In [3]: NameError: name 'y' is not defined\n      its answer: lessons/07_tiny.py:" in said
    )
    assert (
        "In [4]: NameError: name 'y' is not defined\n      follows from In [3]: it uses double"
        in said
    )
    assert (
        "In [8]: NameError: name 'y' is not defined\n      follows from In [3]: it uses double"
        in said
    )


def test_a_changed_number_is_named_where_the_output_is_compared(built, capfd):
    path = built / "solutions" / "07_tiny.ipynb"
    path.write_text(
        path.read_text().replace("range(3)", "range(4)").replace("double(4)", "double(5)")
    )
    status, said = run_validate(built, capfd)
    assert status == 1
    line = line_of(TINY, '# %% tags=["solution", "nbval-check-output"]')
    assert f"  lessons/07_tiny.py:{line}, In [8]: Cell outputs differ\n" in said
    assert "1 of 8 cells failed" in said  # the other changed cell is not marked


def test_a_cell_that_ends_the_kernel_is_told_once(built, capfd):
    path = built / "solutions" / "07_tiny.ipynb"
    path.write_text(path.read_text().replace("import os\\n", "import os\\nos._exit(3)\\n"))
    status, said = run_validate(built, capfd)
    assert status == 1 and "the kernel had ended before them" in said
    assert said.count("In [") == 1


def test_a_notebook_that_cannot_be_run_shows_what_pytest_says(built, capfd, monkeypatch):
    monkeypatch.setattr("course_lib.authoring.validate.CELL_SECONDS", "none")
    status, said = run_validate(built, capfd)
    assert status == 1 and "its cells could not be run" in said and "invalid" in said


def follow(*cells, failing, missing=()):
    found = followers(
        [Code(*(c if isinstance(c, tuple) else (c,))) for c in cells], failing, missing
    )
    return {at: tuple(doubt) for at, doubt in found.items()}


def test_failures_follow_through_what_is_made_of_a_wrong_answer():
    cells = [
        "import math\ndef helper(x):\n    return f(x)",
        ("def f(x):\n    return x", "s.f"),
        ("check('s.f', f)", None, "s.f"),
        "curve = []\nfor x in range(3):\n    curve.append(helper(x))",
        "assert curve == [1]",
        "assert math.pi > 4",
        "curve = [0]",
        "assert curve == [1]",
    ]
    found = follow(*cells, failing={2, 4, 5, 7})
    assert found == {4: (2, "f")}  # the last two are wrong by themselves


def test_an_answer_that_calls_a_wrong_one_follows_from_its_check():
    cells = [
        ("def f(x):\n    return x", "s.f"),
        ("check('s.f', f)", None, "s.f"),
        ("def g(x):\n    return f(x)", "s.g"),
        ("check('s.g', g)", None, "s.g"),
        "assert g(1) == 2",
    ]
    assert follow(*cells, failing={1, 3, 4}) == {3: (1, "f"), 4: (1, "f")}
    assert follow(*cells, failing={3, 4}) == {4: (3, "g")}
    assert follow(*cells[1:], failing={0, 2, 3}, missing=["f"]) == {
        0: (-1, "f"),
        2: (-1, "f"),
        3: (-1, "f"),
    }


def test_notebooks_run_side_by_side(tmp_path, capfd):
    """Each of two notebooks waits for a file that the other one writes."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core: nothing runs side by side")
    meet = "# %%\nimport pathlib\nimport time\n\nhere = pathlib.Path({folder!r})\n{body}"
    body = (
        "(here / '{me}').touch()\nend = time.monotonic() + 60\n"
        "while not (here / '{other}').exists() and time.monotonic() < end:\n    time.sleep(0.05)\n"
        "assert (here / '{other}').exists()\n"
    )
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    (tmp_path / "solutions").mkdir()
    for me, other in (("01_a", "02_b"), ("02_b", "01_a")):
        text = meet.format(folder=str(meeting), body=body.format(me=me, other=other))
        made = solution_notebook(parse(text, f"lessons/{me}.py"))
        nbformat.write(made, tmp_path / "solutions" / f"{me}.ipynb")
    status, said = run_validate(tmp_path, capfd)
    assert status == 0, said
    assert said.count("1 cells passed") == 2 and said.endswith("2 solutions, all right\n")


def test_validation_stays_in_its_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--doctest-modules")
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    settings = environment(tmp_path)
    for name in ("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_DATA_DIR", "COURSE_HOME", "TMPDIR"):
        assert settings[name].startswith(str(tmp_path)) and os.path.isdir(settings[name])
    assert (settings["COURSE_SCALE"], settings["COURSE_STATIC"]) == ("smoke", "1")
    assert "PYTEST_ADDOPTS" not in settings
    command = pytest_command(tmp_path / "a.ipynb", tmp_path, tmp_path)
    assert f"--nbval-cell-timeout={CELL_SECONDS}" in command
    assert f"--cell-report={tmp_path / 'cells.jsonl'}" in command


def test_a_scale_that_is_set_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "laptop")
    assert environment(tmp_path)["COURSE_SCALE"] == "laptop"


def test_nothing_to_validate_is_an_error(tmp_path):
    with pytest.raises(BuildError, match="solutions/ has no notebook: run `course build`"):
        validate(tmp_path)
    with pytest.raises(BuildError, match="solutions/ has no 05_vae"):
        validate(tmp_path, ["05_vae"])


def test_the_lesson_runs_as_a_script(tmp_path):
    path = write_lesson(tmp_path)
    settings = {**os.environ, "COURSE_SCALE": "smoke", "COURSE_STATIC": "1"}
    ran = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, env=settings, cwd=tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("static 1\n6\n")


def test_the_students_notebook_has_every_hint_of_a_lesson(tmp_path):
    made = student_notebook(parse(TINY, "lessons/07_tiny.py"), HINTS)
    text = "\n".join(cell.source for cell in made.cells)
    assert text.count("<summary>") == sum(map(len, HINTS.values()))

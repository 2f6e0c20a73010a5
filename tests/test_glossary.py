"""The glossary: one authored file, a page that lessons link to, and no link that leads nowhere."""

import re

import pytest

from course_lib.authoring.build import ROOT, build, course_hints, glossary_pages, load, stale
from course_lib.authoring.glossary import (
    CHINESE_FILE,
    FILE,
    PAGE,
    anchor,
    links,
    read_chinese,
    read_glossary,
)
from course_lib.authoring.lesson import LessonError
from course_lib.authoring.notebooks import (
    read_notebook,
    solution_notebook,
    student_notebook,
    text_of,
)
from course_lib.authoring.validate import solutions

JENSEN = "Jensen-Shannon-divergence"
FOLDERS = ("notebooks", "solutions")
LESSON = """\
# %% [markdown]
# # A tiny lesson
#
# A **[prior](glossary.ipynb#Prior)**, and the whole [list](glossary.ipynb).

# %%
print("not a link: glossary.ipynb#Nothing")

# %% [markdown] tags=["solution"]
# The [divergence](glossary.ipynb#Jensen–Shannon-divergence).
"""
TERMS = """\
[[term]]
english = "Prior"
chinese = "先验分布"
symbol = 'p(z)'
shape = "(B, Z)"
lesson = "07_tiny"
meaning = "What is known before an image is seen."

[[term]]
english = "Jensen–Shannon divergence"
chinese = "JS 散度"
symbol = ""
shape = ""
lesson = "07_tiny"
meaning = "A divergence that is never infinite."
"""


def write(root, lesson=LESSON, terms=TERMS):
    (root / "lessons").mkdir(exist_ok=True)
    (root / "lessons" / "07_tiny.py").write_text(lesson, encoding="utf-8")
    (root / FILE).write_text(terms, encoding="utf-8")
    return root


def problems(root):
    """What a build says of the folder, and that it writes nothing."""
    with pytest.raises(LessonError) as caught:
        build(root, hints={}, execute_code=False)
    assert not (root / "notebooks").exists()
    return str(caught.value).split("\n")


def about_the_page(said):
    return [line for line in said if PAGE in line]


# --- the course's own terms ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def terms():
    return read_glossary(ROOT)


@pytest.fixture(scope="module")
def linked():
    """The anchors that the prose for students links to, by lesson."""
    lessons = load(ROOT, [], course_hints())
    return {
        made.stem: {anchor(target) for _, target in links(made, for_students=True)}
        for made in lessons
    }


def test_every_term_is_linked_in_the_lesson_that_defines_it(terms, linked):
    lost = [f"{t.lesson}: {t.english}" for t in terms if t.anchor not in linked[t.lesson]]
    assert lost == []


def test_every_lesson_defines_terms(terms, linked):
    assert {term.lesson for term in terms} == set(linked)


def test_every_term_reads_as_one(terms):
    for term in terms:
        chinese = re.search(r"[\u4e00-\u9fff]", term.chinese)
        assert chinese, term
        assert re.fullmatch(r"[A-Z].*[^.]\.", term.meaning), term  # a sentence
        assert term.meaning.count("$") % 2 == 0 and "](" not in term.meaning, term
        assert term.symbol.count("{") == term.symbol.count("}"), term
        assert "<" not in term.symbol + term.meaning, term  # nbconvert would read a tag
        assert not term.shape or re.fullmatch(r"\(.*\)", term.shape), term


def test_both_pages_are_what_the_file_makes():
    for path, page in glossary_pages(ROOT).items():
        assert path.read_text(encoding="utf-8") == text_of(page), f"{path.parent.name}/{PAGE}"


# --- the page ------------------------------------------------------------------------------------


def test_the_page_has_a_heading_and_the_facts_of_each_term(tmp_path):
    build(write(tmp_path), hints={}, execute_code=False)
    page = read_notebook(tmp_path / "notebooks" / PAGE)
    assert {cell.cell_type for cell in page.cells} == {"markdown"}
    introduction, *entries = [cell.source for cell in page.cells]
    assert introduction.startswith("# Glossary\n")
    assert introduction.endswith(f"\n\n[J]({PAGE}#cell-id={JENSEN}) · [P]({PAGE}#cell-id=Prior)")
    assert [cell.id for cell in page.cells] == ["glossary", JENSEN, "Prior"]
    assert entries == [
        "### Jensen–Shannon divergence\n\nJS 散度 · [07_tiny](07_tiny.ipynb)\n\n"
        "A divergence that is never infinite.",
        "### Prior\n\n先验分布 · $p(z)$ · `(B, Z)` · [07_tiny](07_tiny.ipynb)\n\n"
        "What is known before an image is seen.",
    ]


def test_chinese_meanings_stand_below_the_english_ones(tmp_path):
    write(tmp_path)
    names = [term.english for term in read_glossary(tmp_path)]
    chinese = tmp_path / CHINESE_FILE
    chinese.write_text(f'"{names[0]}" = "一个词。"\n', encoding="utf-8")
    build(tmp_path, hints={}, execute_code=False)
    page = read_notebook(tmp_path / "notebooks" / PAGE)
    ends = [cell.source.endswith("一个词。") for cell in page.cells[1:]]
    assert ends == [True, *[False] * (len(names) - 1)]
    chinese.write_text(f'"No such term" = "一个词。"\n"{names[0]}" = ""\n', encoding="utf-8")
    with pytest.raises(LessonError) as caught:
        build(tmp_path, hints={}, execute_code=False)
    assert "no term No such term" in str(caught.value) and "one line of text" in str(caught.value)


def test_hardly_a_term_is_without_its_chinese_meaning(terms):
    """A lesson's terms may come before their Chinese meanings; they are not to stay without."""
    known = read_chinese(ROOT, terms)
    missing = [term.english for term in terms if term.english not in known]
    assert len(missing) <= len(terms) // 4, missing


def test_lessons_link_to_the_terms_cell_by_its_id(tmp_path):
    """JupyterLab finds a cell in a page that it opens for the link; a heading is not there yet."""
    (made,) = load(write(tmp_path), [], {})
    for notebook, wanted in ((student_notebook(made, {}), 1), (solution_notebook(made), 2)):
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert re.findall(r"\(glossary\.ipynb#cell-id=(.*?)\)", text) == ["Prior", JENSEN][:wanted]
        assert text.count("#") == wanted + 1 and "[list](glossary.ipynb)" in text


def test_anchors_are_ascii():
    wanted = {"CUDA graph": "CUDA-graph", "f-divergence": "F-divergence", "β-VAE": "Beta-VAE"}
    wanted |= {"Bayes' rule": "Bayes-rule", "Fréchet mean": "Frechet-mean"}
    assert {name: anchor(name) for name in wanted} == wanted
    assert all(anchor(id) == id for id in wanted.values())


def test_a_rebuild_changes_no_byte_and_both_folders_have_the_same(tmp_path):
    said = build(write(tmp_path), hints={}, execute_code=False)
    assert about_the_page(said) == [f"{folder}/{PAGE} written" for folder in FOLDERS]
    first, second = [(tmp_path / folder / PAGE).read_bytes() for folder in FOLDERS]
    assert first == second
    assert about_the_page(build(tmp_path, hints={}, execute_code=False)) == []
    assert about_the_page(stale(tmp_path, hints={})) == []
    backwards = "\n".join(reversed(TERMS.split("\n\n")))
    write(tmp_path, terms=backwards.replace("[[term]]", "\n[[term]]"))
    assert about_the_page(build(tmp_path, hints={}, execute_code=False)) == []


def test_check_names_a_page_that_is_stale_missing_or_left_over(tmp_path):
    build(write(tmp_path), hints={}, execute_code=False)
    write(tmp_path, terms=TERMS.replace("before an image", "before any image"))
    wrong = f"cell 3 is not what {FILE} makes"
    assert about_the_page(stale(tmp_path, hints={})) == [f"{f}/{PAGE}: {wrong}" for f in FOLDERS]
    (tmp_path / "notebooks" / PAGE).unlink()
    said = stale(tmp_path, ["07_tiny"], hints={})
    assert f"notebooks/{PAGE}: there is none" in said
    write(tmp_path, lesson="# %% [markdown]\n# No links.\n")
    (tmp_path / FILE).unlink()
    assert f"solutions/{PAGE}: no lesson makes it" in stale(tmp_path, hints={})


def test_the_page_is_no_lesson_to_validate(tmp_path):
    (tmp_path / "solutions").mkdir()
    for name in ("05_vae.ipynb", PAGE):
        (tmp_path / "solutions" / name).touch()
    assert [path.name for path in solutions(tmp_path, [])] == ["05_vae.ipynb"]


# --- mistakes ------------------------------------------------------------------------------------

SECOND = "Jensen–Shannon divergence"
MISTAKES = {
    "a missing field": ('shape = ""\n', "", 9, f"{SECOND}: the field shape is missing"),
    "a misspelt field": ('shape = ""', 'shapes = ""', 9, f"{SECOND}: there is no field shapes"),
    "no english name": ('english = "Prior"\n', "", 1, "a term without its english name: the field"),
    "an empty name": ('"JS 散度"', '""', 9, f"{SECOND}: chinese is empty"),
    "no text": ('shape = ""', "shape = 2", 9, f"{SECOND}: shape must be one line of text; got 2"),
    "two lines": ('"A div', '"A\\ndiv', 9, f"{SECOND}: meaning must be one line of text"),
    "a dollar": ("'p(z)'", "'$p(z)$'", 1, "Prior: write the symbol without its dollars"),
    "markdown in a name": (
        '"Prior"',
        '"The *prior*"',
        1,
        "The *prior*: a name has letters",
    ),
    "an unknown lesson": (
        'shape = ""\nlesson = "07_tiny"',
        'shape = ""\nlesson = "08_tiny"',
        9,
        f"{SECOND}: no lesson 08_tiny; there are 07_tiny",
    ),
    "a duplicate": (f'"{SECOND}"', '"prior"', 9, "prior: a second time; the first is at line 1"),
    "no TOML": ('english = "Prior"', "english = Prior", 2, "Invalid value"),
    "another table": ('[[term]]\nenglish = "P', '[[terms]]\nenglish = "P', 1, "a list of tables"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_file_line_and_term(tmp_path, name):
    old, new, line, said = MISTAKES[name]
    assert TERMS.count(old) == 1
    found = problems(write(tmp_path, terms=TERMS.replace(old, new)))
    assert any(text.startswith(f"{FILE}:{line}: ") and said in text for text in found), found


def test_all_mistakes_of_the_file_come_at_once(tmp_path):
    terms = TERMS.replace('"JS 散度"', '""').replace("'p(z)'", "'$z$'")
    assert [text.split(":")[1] for text in problems(write(tmp_path, terms=terms))] == ["1", "9"]


@pytest.mark.parametrize(
    ("old", "new", "line", "hint"),
    [
        ("#Prior", "#Priors", 4, "; did you mean #Prior?"),
        ("#Prior", "#Zebra", 4, ""),
        ("#Jensen–", "#Jense–", 10, f"; did you mean #{JENSEN}?"),
    ],
)
def test_a_link_to_no_term_is_refused_with_file_and_line(tmp_path, old, new, line, hint):
    (said,) = problems(write(tmp_path, lesson=LESSON.replace(old, new)))
    assert said.startswith(f"lessons/07_tiny.py:{line}: {FILE} has no term for {PAGE}{new}")
    assert said.partition(";")[2] == hint.removeprefix(";")


def test_without_a_glossary_there_is_no_page_and_no_link(tmp_path):
    write(tmp_path)
    (tmp_path / FILE).unlink()
    assert len(problems(tmp_path)) == 2
    write(tmp_path, lesson="# %% [markdown]\n# No links.\n")
    (tmp_path / FILE).unlink()
    assert about_the_page(build(tmp_path, hints={}, execute_code=False)) == []

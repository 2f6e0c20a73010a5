"""What a class unpacks, and the other ways in: as far as they go without a network."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from course_lib import cli
from course_lib.authoring.build import ROOT, BuildError
from course_lib.authoring.release import FOLDER, colab_cell, release
from tests.lessons import solution_source

STEM = "01_divergences"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("class")
    assert cli.main(["release", STEM, "--out", str(place / "class.zip"), "--colab", "GIT"]) == 0
    with zipfile.ZipFile(place / "class.zip") as archive:
        archive.extractall(place)
    return place / FOLDER


def test_no_solution_is_in_it(unpacked):
    from course_lib import checks

    texts = [path.read_text(encoding="utf-8") for path in unpacked.rglob("*.ipynb")]
    assert sorted(p.name for p in unpacked.rglob("*.ipynb")) == [f"{STEM}.ipynb", "glossary.ipynb"]
    assert not any((unpacked / name).exists() for name in ("lessons", "solutions", "tests"))
    for name in checks.names():
        if name.startswith("divergences."):
            lines = [line.strip() for line in solution_source(name).splitlines()]
            longest = max(lines, key=len)
            assert not any(json.dumps(longest)[1:-1] in text for text in texts)


def test_it_is_a_course_that_runs(unpacked):
    code = "import course_lib.data as d; from course_lib import checks; print(len(checks.names()))"
    code += "; d.load_mnist('test')"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and int(done.stdout.split()[0]) > 50, done.stderr
    planned = subprocess.run(
        ["make", "-n", "lab"], cwd=unpacked, capture_output=True, text=True, check=True
    )
    assert "jupyter lab notebooks" in planned.stdout


def test_the_same_files_make_the_same_zip(tmp_path):
    for name in ("one.zip", "other.zip"):
        release(tmp_path / name, only=[STEM])
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


def test_a_notebook_that_is_not_there_is_named(tmp_path, capsys):
    assert cli.main(["release", "99_none", "--out", str(tmp_path / "a.zip")]) == 1
    assert "notebooks/ has no 99_none" in capsys.readouterr().err


def test_the_first_cell_does_nothing_where_the_course_is(unpacked):
    cells = json.loads((unpacked / "notebooks" / f"{STEM}.ipynb").read_text())["cells"]
    source = "".join(cells[0]["source"])
    assert source.startswith("# Fetches the course")
    exec(compile(source, "cell", "exec"), {})


def test_the_first_cell_fetches_where_it_is_missing(tmp_path):
    """Its commands, on a machine without course_lib: a local repository takes the place of one
    on the network, and pip is a stand-in that notes how it was called."""
    origin = tmp_path / "origin"
    (origin / "course_lib").mkdir(parents=True)
    (origin / "course_lib" / "__init__.py").write_text("here = True\n")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@x.invalid", "-C", str(origin)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], check=True)
    pip = tmp_path / "pip.py"
    pip.write_text("import sys; open('asked', 'w').write(' '.join(sys.argv[1:]))")
    code = colab_cell(str(origin)) + "\nimport course_lib\nassert course_lib.here\n"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "asked").read_text() == f"install -q ./{FOLDER}"


def test_a_colab_address_is_no_code():
    with pytest.raises(BuildError, match="no Git address"):
        colab_cell('x"], check=True); import os  #')


def test_the_container_installs_by_the_projects_commands():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    assert any(line.startswith("RUN make setup") for line in lines)
    assert any(line.startswith('CMD ["make", "lab"') for line in lines)
    known = re.compile(r"(#|FROM|ARG|RUN|USER|WORKDIR|COPY|ENV|EXPOSE|CMD|\s+&&|$)")
    assert all(known.match(line) for line in lines)


def test_the_development_container_uses_the_same_file():
    described = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    folder = ROOT / ".devcontainer"
    assert (folder / described["build"]["dockerfile"]).resolve() == ROOT / "docker" / "Dockerfile"
    assert described["postCreateCommand"] == "make setup"


def test_repo2docker_finds_an_environment_and_no_dockerfile_before_it():
    assert (ROOT / "environment.yml").exists()
    assert not (ROOT / "Dockerfile").exists() and not (ROOT / "binder").exists()

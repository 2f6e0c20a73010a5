"""What students hand in without a bad thought: answers, odd notebooks, odd files."""

import io
import json
import zipfile

from .notebooks import EXERCISES, IMPORTS, RIGHT, STUB, answer, cell, notebook, published

ALL_BUT_ONE = set(RIGHT)  # kl_monte_carlo is left out of most
WRONG_KL = RIGHT["kl_gaussian"].replace("0.5 * (", "(")
MISSING_HALF = "half"

HONEST = {
    # name: (content, exercises that pass, words of the reason)
    "published": (published(), set(EXERCISES), "all right"),
    "stubs": (notebook(*map(STUB.format, EXERCISES)), set(), "entropy: not written yet"),
    "half": (notebook(*list(RIGHT.values())[:2]), {"entropy", "kl_categorical"}, "no cell defines"),
    "helpers": (
        notebook(
            "scale = 1.0\nscale = scale + 1",
            "def inner(t):\n    return torch.xlogy(t, t)",
            "def entropy(p):\n    return -summed(inner(p)) * scale / 2",
            "def summed(t):\n    return t.sum(-1)",
        ),
        {"entropy"},
        "",
    ),
    "lambda": (
        notebook("entropy = lambda probabilities: torch.special.entr(probabilities).sum(dim=-1)"),
        {"entropy"},
        "",
    ),
    "callable": (
        notebook(
            "class Entropy:\n    def __call__(self, p):\n        return -torch.xlogy(p, p).sum(-1)",
            "entropy = Entropy()",
        ),
        {"entropy"},
        "",
    ),
    "aliases": (
        notebook(
            "import torch as t, nonsense_package\nfrom torch.special import entr as e",
            "def entropy(p: 't.Tensor') -> 't.Tensor':\n    return t.sum(e(p), dim=-1)",
            imports=False,
        ),
        {"entropy"},
        "",
    ),
    "misconception": (notebook(WRONG_KL), set(), "kl_gaussian: "),
    "cascade": (
        notebook(WRONG_KL, RIGHT["kl_to_standard_normal"], RIGHT["entropy"]),
        {"entropy"},
        "follows from divergences.kl_gaussian",
    ),
    "cascade_stub": (
        notebook(STUB.format("kl_categorical"), RIGHT["js_divergence"]),
        set(),
        "follows from divergences.kl_categorical",
    ),
    "raises": (
        notebook(answer("entropy", "return p.nonsense()", "p")),
        set(),
        "AttributeError.*at line 2 of your code",
    ),
    "low_precision": (
        notebook(
            "def entropy(p):\n    (p.half() / 2 * 3 + p.bfloat16().half()).float()\n"
            "    return torch.special.entr(p).sum(-1)"
        ),
        {"entropy"},
        "",
    ),
    "prints": (notebook("print('hello')", RIGHT["entropy"]), {"entropy"}, ""),
}

STRUCTURE = {
    "copied_right_last": (
        notebook(answer("entropy", "return p.sum(-1)", "p"), RIGHT["entropy"]),
        {"entropy"},
        "",
    ),
    "copied_wrong_last": (
        notebook(RIGHT["entropy"], answer("entropy", "return p.sum(-1)", "p")),
        set(),
        "entropy: ",
    ),
    "copied_stub_last": (
        notebook(RIGHT["entropy"], STUB.format("entropy")),
        set(),
        "not written yet.*defined 2 times",
    ),
    "checks_copied": (
        notebook(RIGHT["entropy"], *['check("divergences.entropy", entropy)'] * 3),
        {"entropy"},
        "",
    ),
    "reversed": (notebook(*reversed(RIGHT.values())), ALL_BUT_ONE, ""),
    "one_cell": (notebook("\n\n".join(RIGHT.values())), ALL_BUT_ONE, ""),
    "magics": (
        notebook(
            "%matplotlib inline\n!pip install nothing\n%time x = 1\ntorch.log?",
            f"%%time\n{RIGHT['entropy']}",
            "%%bash\nrm -rf ~\ndef kl_categorical(p, q): pass",
            "files = !ls\n" + RIGHT["kl_categorical"],
        ),
        {"entropy", "kl_categorical"},
        "",
    ),
    "bad_cell": (
        notebook("def broken(:\n    pass", RIGHT["entropy"], "1 / 0", RIGHT["kl_categorical"]),
        {"entropy", "kl_categorical"},
        "cell 2 is not valid Python",
    ),
    "bad_own_cell": (
        notebook("def entropy(p)\n    return p", RIGHT["kl_categorical"]),
        {"kl_categorical"},
        "entropy: cell 2 is not valid Python",
    ),
    "failing_cell": (
        notebook(f"undefined_name.call()\n{RIGHT['entropy']}"),
        {"entropy"},
        "",
    ),
    "as_markdown": (notebook(("markdown", RIGHT["entropy"])), set(), "no exercise of"),
    "as_raw": (
        notebook(("raw", RIGHT["entropy"]), RIGHT["kl_categorical"]),
        {"kl_categorical"},
        "cell 2, a raw cell, holds its text",
    ),
    "guarded": (
        notebook(
            "try:\n    import not_there\nexcept ImportError:\n    not_there = None",
            "if not_there is None:\n    def entropy(p):\n        return -torch.xlogy(p, p).sum(-1)",
        ),
        {"entropy"},
        "",
    ),
    "training_forever": (
        notebook(
            "while True:\n    step = 1", RIGHT["entropy"], "for i in range(10**12):\n    j = i"
        ),
        {"entropy"},
        "",
    ),
    "tables": (
        notebook(
            "table = {}\ntable['sign'] = 1\nsigns = []\nsigns.append(-1)",
            answer("entropy", "return table['sign'] * signs[0] * torch.xlogy(p, p).sum(-1)", "p"),
            "table['sign'] *= 1",
        ),
        {"entropy"},
        "",
    ),
    "annotations": (
        notebook(
            "from __future__ import annotations",
            "def entropy(p: NotThere) -> AlsoNot:\n    return torch.special.entr(p).sum(-1)",
        ),
        {"entropy"},
        "",
    ),
    "deleted": (
        notebook(RIGHT["entropy"], "del entropy", RIGHT["kl_categorical"]),
        {"kl_categorical"},
        "entropy: ",
    ),
    "stars": (
        notebook("from torch import *", "def entropy(p):\n    return -xlogy(p, p).sum(-1)"),
        {"entropy"},
        "",
    ),
}


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


GOOD = notebook(RIGHT["entropy"])
OLD = {
    "worksheets": [{"cells": [{**cell("code", IMPORTS), "input": IMPORTS, "source": None},
                              {"cell_type": "code", "input": RIGHT["entropy"].splitlines(True)}]}],
    "nbformat": 3, "nbformat_minor": 0, "metadata": {},
}  # fmt: skip
FILES = {
    # name of the file: as above, with the status in front
    "nothing.ipynb": ("unreadable", b"", set(), "the file is empty"),
    "cut.ipynb": ("unreadable", GOOD[:300], set(), "cut off"),
    "picture.ipynb": ("unreadable", b"\x89PNG\r\n\x1a\n\0\0\xff", set(), "not a notebook"),
    "list.ipynb": ("unreadable", b"[1, 2]", set(), "not a notebook"),
    "other.ipynb": ("unreadable", b'{"name": "package"}', set(), "without cells"),
    "deep.ipynb": ("unreadable", b"[" * 200_000, set(), "too deep"),
    "essay.pdf": ("unreadable", b"%PDF", set(), "not a notebook: essay.pdf"),
    "bom.ipynb": ("graded", b"\xef\xbb\xbf" + GOOD, {"entropy"}, "UTF-8 byte order mark"),
    "utf16.ipynb": ("graded", GOOD.decode().encode("utf-16"), {"entropy"}, "UTF-16"),
    "latin.ipynb": (
        "graded",
        notebook("# Größe", RIGHT["entropy"]).decode().encode("latin-1"),
        {"entropy"},
        "not UTF-8",
    ),
    "old.ipynb": ("graded", json.dumps(OLD).encode(), {"entropy"}, "nbformat 3"),
    "null.ipynb": ("empty", b'{"cells": [null, 3, {"source": 4}]}', set(), "no exercise of"),
    "packed.zip": ("graded", zipped(**{"work/05.ipynb": GOOD}), {"entropy"}, ""),
    "damaged.zip": ("unreadable", zipped(a=b"b")[:20], set(), "archive is damaged"),
    "=cmd|x.ipynb": ("graded", GOOD, {"entropy"}, ""),
    "<script>alert(1)<.ipynb": ("graded", GOOD, {"entropy"}, ""),
}

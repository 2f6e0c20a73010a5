"""Notebooks that are handed in: made of cells' sources, on the cheap exercises of lesson 01."""

import json

from tests.lessons import lesson_files

STEM = "01_divergences"
RIGHT = {
    "entropy": "def entropy(p):\n    return -torch.xlogy(p, p).sum(-1)",
    "kl_categorical": "def kl_categorical(p, q):\n"
    "    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)",
    "js_divergence": "def js_divergence(p, q):\n    m = (p + q) / 2\n"
    "    return (kl_categorical(p, m) + kl_categorical(q, m)) / 2",
    "kl_gaussian": "def kl_gaussian(mean_q, log_var_q, mean_p, log_var_p):\n"
    "    ratio = (log_var_q - log_var_p).exp()\n"
    "    shift = (mean_q - mean_p) ** 2 / log_var_p.exp()\n"
    "    return 0.5 * (ratio + shift - 1 + log_var_p - log_var_q).sum(-1)",
    "kl_to_standard_normal": "def kl_to_standard_normal(mean, log_var):\n"
    "    zero = torch.zeros_like(mean)\n    return kl_gaussian(mean, log_var, zero, zero)",
}
EXERCISES = (*RIGHT, "kl_monte_carlo")
STUB = 'def {0}(*a):\n    raise NotImplementedError("divergences.{0}")'
IMPORTS = "import math\n\nimport torch\nfrom course_lib.checks import check, hint"


def notebook(*sources, imports=True, kind="code"):
    """A notebook's bytes; a source may be a (kind, text) pair."""
    pairs = [source if isinstance(source, tuple) else (kind, source) for source in sources]
    cells = [cell(*pair) for pair in ([("code", IMPORTS)] if imports else []) + pairs]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False).encode()


def cell(kind, source):
    made = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def answer(name, body, arguments="*a"):
    """An exercise's function with that body."""
    inner = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"def {name}({arguments}):\n{inner}"


def published():
    """The lesson itself, solved."""
    return notebook(
        *(c.source for file in lesson_files("divergences") for c in file), imports=False
    )

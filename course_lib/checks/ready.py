"""Ready mistakes: how an exercise's file takes them over.

`module_exercises`, `group_losses`, `samplers`, `training_steps` and `wrong_formulas` have functions
that make a tuple of misconceptions from a right answer. A file puts them where they belong among
its own, the more specific first, and `adapted` is all that there is to say about the differences:

>>> two = (Misconception("halved", abs, "It is halved."), Misconception("sign", abs, "Turn it."))
>>> [(m.name, m.sentence) for m in adapted(two, leave_out=("sign",), halved="Add, do not average.")]
[('halved', 'Add, do not average.')]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .declare import Misconception

Mistakes = tuple[Misconception, ...]


def adapted(
    mistakes: Mistakes,
    leave_out: tuple[str, ...] = (),
    by: Callable[[Callable], Callable] | None = None,
    **sentences: str,
) -> Mistakes:
    """The mistakes without those of the names `leave_out`, with other sentences for some.

    `by` turns each wrong answer into another one: a wrong loss into a training step that has it.
    """
    known = [m.name for m in mistakes]
    strange = [name for name in (*leave_out, *sentences) if name not in known]
    if strange:
        raise ValueError(f"no mistake is called {strange[0]!r}; there are {', '.join(known)}")
    return tuple(
        replace(
            m,
            answer=by(m.answer) if by else m.answer,
            also=tuple(map(by, m.also)) if by else m.also,
            sentence=sentences.get(m.name, m.sentence),
        )
        for m in mistakes
        if m.name not in leave_out
    )


def only(mistakes: Mistakes, *names: str) -> Mistakes:
    """Those of these names, in this order: where something more specific stands between them.

    >>> two = (Misconception("a", abs, "A."), Misconception("b", abs, "B."))
    >>> [m.name for m in only(two, "b")]
    ['b']
    """
    by_name = {m.name: m for m in mistakes}
    return tuple(by_name[name] for name in names)

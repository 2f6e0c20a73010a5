"""The course's data sets: `sets` loads them, `files` knows where they lie, `emoji_groups` splits.

`plane` draws the mixtures whose modes can be counted.

    from course_lib.data import load_mnist

The loaders come when they are asked for, so that `course doctor` can reach `files` when PyTorch is
broken.
"""

import importlib

__all__ = [
    "EMOJI_COLUMNS",
    "FASHION_CLASSES",
    "emoji_table",
    "load_cifar10",
    "load_emoji",
    "load_fashion_mnist",
    "load_mnist",
]


def __getattr__(name: str):
    if name in __all__:
        return getattr(importlib.import_module("course_lib.data.sets"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

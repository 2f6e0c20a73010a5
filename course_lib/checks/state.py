"""State that outlives a call: PyTorch's global settings and the working directory.

A check runs under settings that it knows, whatever the notebook has set, and puts the notebook's
own back. What an answer leaves changed is a side effect, and has a name and a sentence here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.overrides
import torch.utils._device

DEVICE_TYPES = ("cpu", "cuda")


@dataclass(frozen=True)
class Setting:
    """One piece of global state. `known`: what a check runs with; None leaves it as it is."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    known: Any
    sentence: str


def read_deterministic() -> tuple:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
    )


def write_deterministic(flags: tuple) -> None:
    torch.use_deterministic_algorithms(flags[0], warn_only=flags[1])
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = flags[2:]


def read_autocast() -> tuple:
    """Who leaves one open has also nested it: then its cache of weights would never be emptied."""
    cpu_and_gpu = (torch.is_autocast_enabled(device) for device in DEVICE_TYPES)
    torch.autocast_increment_nesting()
    depth = torch.autocast_decrement_nesting()
    return (*cpu_and_gpu, torch.is_autocast_cache_enabled(), depth)


def write_autocast(flags: tuple) -> None:
    for device, enabled in zip(DEVICE_TYPES, flags, strict=False):
        torch.set_autocast_enabled(device, enabled)
    *_, cached, depth = flags
    torch.set_autocast_cache_enabled(cached)
    while read_autocast()[-1] > depth:
        torch.autocast_decrement_nesting()
    while read_autocast()[-1] < depth:
        torch.autocast_increment_nesting()
    torch.clear_autocast_cache()


def read_folder() -> str | None:
    with suppress(FileNotFoundError):
        return os.getcwd()
    return None


def write_folder(folder: str | None) -> None:
    if folder is not None and Path(folder).is_dir():
        os.chdir(folder)


def read_device() -> tuple:
    """torch.set_default_device and `with torch.device(…)` both put modes on one stack."""
    modes = torch.overrides._get_current_function_mode_stack()
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return (context, torch.utils._device.CURRENT_DEVICE, *modes)


def write_device(state: tuple) -> None:
    context, torch.utils._device.CURRENT_DEVICE, *modes = state
    while torch.overrides._get_current_function_mode_stack():
        torch.overrides._pop_mode()
    for mode in modes:
        torch.overrides._push_mode(mode)
    torch._GLOBAL_DEVICE_CONTEXT.device_context = context


SETTINGS = {
    # before gradients, which it switches off too
    "inference mode": Setting(
        torch.is_inference_mode_enabled,
        lambda enabled: None,  # the guard around the call ends it
        None,
        "your code leaves inference mode switched on: open it by `with`, so that it ends by itself",
    ),
    "gradients": Setting(
        torch.is_grad_enabled,
        torch.set_grad_enabled,
        True,
        "your code switches gradients off or on for everything that comes after it: torch.no_grad "
        "and torch.enable_grad, used by `with`, end by themselves",
    ),
    "autocast": Setting(
        read_autocast,
        write_autocast,
        (False, False, True, 0),
        "your code leaves an autocast open: open it by `with`, so that it ends by itself",
    ),
    "default dtype": Setting(
        torch.get_default_dtype,
        torch.set_default_dtype,
        torch.float32,
        "your code changes the default dtype for everything that comes after it: give the dtype to "
        "the tensors that need it",
    ),
    "default device": Setting(
        read_device,
        write_device,
        (None, None),
        "your code changes the default device for everything that comes after it: give the device "
        "to the tensors that need it",
    ),
    "deterministic flags": Setting(
        read_deterministic,
        write_deterministic,
        (False, False, False, False),
        "your code changes PyTorch's deterministic flags for everything that comes after it",
    ),
    "anomaly detection": Setting(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda flags: torch.set_anomaly_enabled(*flags),
        (False, True),
        "your code leaves anomaly detection switched on, which slows everything down: open it by "
        "`with`, so that it ends by itself",
    ),
    "matrix precision": Setting(
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "highest",
        "your code changes the precision of matrix products for everything that comes after it",
    ),
    "threads": Setting(
        torch.get_num_threads,
        torch.set_num_threads,
        None,
        "your code changes the number of threads for everything that comes after it",
    ),
    "working directory": Setting(
        read_folder,
        write_folder,
        None,
        "your code changes the working directory for everything that comes after it: build whole "
        "paths from the one that is passed in",
    ),
}

KNOWN = {name: s.known for name, s in SETTINGS.items() if s.known is not None}


@contextmanager
def known_state() -> Iterator[list[str]]:
    """Run under the known settings; the list names, at the end, those that were left changed.

    The settings of before come back in any case.
    """
    before = {name: setting.read() for name, setting in SETTINGS.items()}
    left: list[str] = []
    set_up = inferring = torch.is_inference_mode_enabled()
    try:
        with torch.inference_mode(False):
            set_up = write(KNOWN) or inferring
            start = {n: s.read() for n, s in SETTINGS.items()} if set_up else before
            try:
                yield left
            finally:
                left += write(start)
    finally:
        if set_up:
            write(before)


def write(values: dict[str, Any]) -> list[str]:
    """Set what differs, and name it: writing some of them costs more than reading."""
    differ = []
    for name, value in values.items():
        if SETTINGS[name].read() != value:
            SETTINGS[name].write(value)
            differ.append(name)
    return differ

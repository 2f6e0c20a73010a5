"""Optimizers made fast in place: fused updates, and what a replayed step needs of them."""

import weakref

import torch
from torch import Tensor
from torch.optim import Optimizer

_PREPARED: "weakref.WeakKeyDictionary[Optimizer, PreparedOptimizer]" = weakref.WeakKeyDictionary()


def prepare_optimizer(optimizer: Optimizer, fused: bool, captured: bool) -> "PreparedOptimizer":
    """The one PreparedOptimizer of this optimizer, which does for all who ask what any asked."""
    prepared = _PREPARED.get(optimizer)
    if prepared is None:
        prepared = _PREPARED[optimizer] = PreparedOptimizer(optimizer)
    prepared.extend(fused, captured)
    return prepared


class PreparedOptimizer:
    """Keeps an optimizer fast, also after load_state_dict, which brings back saved settings.

    `fused`: one kernel updates all weights (Adam, AdamW, SGD, Adagrad; others stay as they are).
    `captured`: counts and learning rates live in tensors beside the weights, so that a recorded
    step sees a schedule at work. What the optimizer has gathered so far is kept.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.Adam([weight], lr=0.5)
    >>> prepared = prepare_optimizer(optimizer, fused=True, captured=True)
    >>> optimizer.param_groups[0]["fused"], optimizer.param_groups[0]["lr"]
    (True, tensor(0.5000))
    >>> optimizer.param_groups[0]["lr"] = 0.25
    >>> prepared.keep_rates_in_tensors(); optimizer.param_groups[0]["lr"]
    tensor(0.2500)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._reference = weakref.ref(optimizer)  # the registry must not keep it alive
        self._fused = self._captured = False
        self._rates: dict[int, Tensor] = {}
        optimizer.register_load_state_dict_post_hook(lambda _: self._prepare())

    @property
    def _optimizer(self) -> Optimizer:
        return self._reference()

    def extend(self, fused: bool, captured: bool) -> None:
        """From now on also fused, also captured, where asked."""
        self._fused, self._captured = self._fused or fused, self._captured or captured
        self._prepare()

    def _prepare(self) -> None:
        """Set the flags, and bring the states into the memory and layout that they ask for."""
        for group in self._optimizer.param_groups:
            on_cuda = group["params"][0].is_cuda
            if self._fused and "fused" in group and not group.get("differentiable"):
                group["fused"], group["foreach"] = True, False
            if self._captured and on_cuda and "capturable" in group:
                group["capturable"] = True
            for parameter in group["params"]:
                self._move_state(parameter)
        self.keep_rates_in_tensors()

    def _move_state(self, parameter: Tensor) -> None:
        state = self._optimizer.state.get(parameter, {})
        for name, value in state.items():
            if not isinstance(value, Tensor):
                continue
            if name == "step" and parameter.is_cuda:
                state[name] = value.to(parameter.device, torch.float32)
            elif value.shape == parameter.shape and value.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter).copy_(value).detach()

    def keep_rates_in_tensors(self) -> None:
        """If `captured`: every learning rate in the tensor that was recorded, whoever set it."""
        if not self._captured:
            return
        for number, group in enumerate(self._optimizer.param_groups):
            rate, device = group["lr"], group["params"][0].device
            if not (group.get("fused") or group.get("capturable")):
                continue  # this optimizer takes plain numbers only
            if number not in self._rates:
                self._rates[number] = torch.zeros((), device=device)
            kept = self._rates[number]
            if rate is not kept:
                kept.copy_(rate) if isinstance(rate, Tensor) else kept.fill_(rate)
                group["lr"] = kept

"""Recording what a training step does to tensors, and replaying it as one compiled function.

The step's Python runs once under a tracer that keeps the operations on tensors, forward, backward
and update, in their order. A compiler makes one function of them, whose inputs are the step's
arguments and all tensors that outlive a step: weights, optimizer states, averages, buffers.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

aten = torch.ops.aten


class CannotCapture(RuntimeError):
    """The step cannot be recorded; the message says why, in half a sentence."""


def state_tensors(networks: Iterable[nn.Module], optimizers: Iterable[Optimizer]) -> list[Tensor]:
    """Every tensor that these keep from step to step, each once, in a fixed order.

    >>> network = nn.BatchNorm1d(3)
    >>> [tuple(tensor.shape) for tensor in state_tensors([network], [])]
    [(3,), (3,), (3,), (3,), ()]
    """
    found = [tensor for n in networks for tensor in (*n.parameters(), *n.buffers())]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            found += group["params"]
            found += [group["lr"]] if isinstance(group["lr"], Tensor) else []
        found += [t for state in optimizer.state.values() for t in tree_leaves(state)]
    return list({id(tensor): tensor for tensor in found if isinstance(tensor, Tensor)}.values())


class CompiledStep:
    """A step as one compiled function of its arguments and of all tensors that it keeps."""

    def __init__(self, compiled, state: list[Tensor], known: list[Tensor], results) -> None:
        self._compiled = compiled
        leaves, self._structure = tree_flatten(results)
        self._is_tensor = [isinstance(leaf, Tensor) for leaf in leaves]
        self._state = [tensor.detach() for tensor in state]  # the same memory, without gradients
        self._known, self._places = known, places_of(known)

    @classmethod
    def record(
        cls, step: Callable, args: tuple, known: list[Tensor], generators=()
    ) -> "CompiledStep":
        """Run `step(*args)` once to record it, and put back all that it changed in `known`.

        Raises CannotCapture where the step cannot be recorded or compiled.
        """
        if generators:
            raise CannotCapture("a compiled step draws from the global generator only")
        before = _Snapshot(known)
        try:
            traced, state, results = cls._trace(step, args, known)
        except Exception as error:
            before.restore()
            raise error if isinstance(error, CannotCapture) else reason_for(error) from error
        replaced = [t for t, old in before.gradients if t.grad is not old]
        before.restore()
        for tensor in replaced:  # a replay makes no new .grad; what it adds to an old one it does
            tensor.grad = None
        return cls(cls._compile(traced, tensors_in(args), state), state, known, results)

    @staticmethod
    def _trace(step: Callable, args: tuple, known: list[Tensor]) -> tuple:
        inputs, results = tensors_in(args), None
        gradients = [tensor.grad for tensor in known if tensor.grad is not None]
        state = list({id(tensor): tensor for tensor in (*known, *gradients)}.values())

        def run(*_):  # the tracer knows its arguments by identity, so the step finds them itself
            nonlocal results
            with _OnlyKnown((*inputs, *state)):
                results = step(*args)
            return check_results(results)

        return make_fx(run, decomposition_table=_UPDATES)(*inputs, *state), state, results

    @staticmethod
    def _compile(traced, inputs: list[Tensor], state: list[Tensor]) -> Callable:
        plain = [tensor.detach() for tensor in (*inputs, *state)]
        # Random numbers as the eager step draws them: from the same generator, and in the same
        # order, which torch 2.11 changes where it reorders operations for locality.
        options = {"fallback_random": True, "reorder_for_locality": False}
        try:
            with torch.no_grad(), _without_advice():
                return torch._inductor.compile(traced, plain, options=options)
        except Exception as error:
            raise reason_for(error) from error

    def is_current(self) -> bool:
        """Whether every weight and state still lies where it lay when this was recorded."""
        return places_of(self._known) == self._places

    def __call__(self, *args):
        inputs = [tensor.detach() for tensor in tensors_in(args)]
        with torch.no_grad():
            results = iter(self._compiled(*inputs, *self._state))
        leaves = [next(results) if tensor else None for tensor in self._is_tensor]
        return tree_unflatten(leaves, self._structure)


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Within, torch does not tell a student without a GPU that CUDA's tools are missing."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class _OnlyKnown(TorchDispatchMode):
    """Raises CannotCapture when an operation touches a tensor from before the step that is unknown.

    A tensor is known by its memory. Memory that the step itself allocates is known from then on;
    an unknown tensor is alive meanwhile, so its memory cannot be handed out again.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()
        self._memory = {_memory(tensor) for tensor in tensors}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation is aten._local_scalar_dense.default:
            raise CannotCapture(
                "it reads a tensor's value (as .item(), `if` and print do, and optimizers that are "
                "not fused)"
            )
        fresh = operation is aten.lift_fresh.default  # torch.tensor(0.5), written in the step
        for tensor in [] if fresh else tensors_in((args, kwargs)):
            if _memory(tensor) not in self._memory:
                raise CannotCapture(
                    f"{operation} uses a tensor {tuple(tensor.shape)} that is no argument and "
                    "belongs to none of networks= and optimizers="
                )
        results = operation(*args, **kwargs)
        self._memory |= {_memory(tensor) for tensor in tensors_in(results)}
        return results


class _Snapshot:
    """The tensors, their gradients and the random state before an attempt, to be put back."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = [(tensor, tensor.detach().clone()) for tensor in tensors]
        self.gradients = [(tensor, tensor.grad) for tensor in tensors]
        self._tensors += [(g, g.detach().clone()) for _, g in self.gradients if g is not None]
        self._flags = [tensor.requires_grad for tensor in tensors]
        self._random = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    @torch.no_grad()
    def restore(self) -> None:
        for tensor, value in self._tensors:
            tensor.copy_(value)
        for (tensor, gradient), flag in zip(self.gradients, self._flags, strict=True):
            tensor.grad, tensor.requires_grad = gradient, flag
        torch.set_rng_state(self._random)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)


def _adam(weights, gradients, means, squares, max_squares, counts, *, lr, decoupled=False, **o):
    """Adam (Kingma and Ba 2014, algorithm 1) as arithmetic that a compiler can fuse.

    The bias corrections 1 - beta**t are computed in float64: at t = 1, 1 - 0.999 in float32 has
    lost four digits. They are computed for all weights together and by exp, which the compiler
    knows to be worth keeping; written as powers for each weight, they would be computed anew for
    every 16 numbers of it, and take most of the update's time.
    """
    beta1, beta2, decay = o["beta1"], o["beta2"], o["weight_decay"]
    logs = (math.log(beta) if beta else -math.inf for beta in (beta1, beta2))
    steps = torch.stack([count.double() for count in counts])
    correction1, correction2 = (1 - (steps * log).exp() for log in logs)
    sizes, scales = (lr / correction1).float(), correction2.rsqrt().float()
    for k, (weight, gradient, mean, square) in enumerate(
        zip(weights, gradients, means, squares, strict=True)
    ):
        gradient = -gradient if o["maximize"] else gradient
        if decay and decoupled:
            weight.mul_(1 - lr * decay)
        elif decay:
            gradient = gradient + decay * weight
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        if o["amsgrad"]:
            square = max_squares[k].copy_(torch.maximum(max_squares[k], square))
        weight.sub_(sizes[k] * mean / (square.sqrt() * scales[k] + o["eps"]))


def _adamw(*tensors, **options):
    _adam(*tensors, decoupled=True, **options)


def _sgd(weights, gradients, momenta, *, lr, **o):
    """Stochastic gradient descent with momentum, as torch.optim.SGD documents it."""
    for k, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
        gradient = -gradient if o["maximize"] else gradient
        gradient = gradient + o["weight_decay"] * weight if o["weight_decay"] else gradient
        if o["momentum"]:
            fresh = gradient if o["is_first_step"] else (1 - o["dampening"]) * gradient
            momenta[k].mul_(0 if o["is_first_step"] else o["momentum"]).add_(fresh)
            nesterov = o["nesterov"]
            gradient = gradient + o["momentum"] * momenta[k] if nesterov else momenta[k]
        weight.sub_(lr * gradient)


# Not every version tells a compiler what the fused kernels do, so it gets them as arithmetic.
_UPDATES = {
    overload: update
    for name, update in {
        "_fused_adam_": _adam,
        "_fused_adamw_": _adamw,
        "_fused_sgd_": _sgd,
    }.items()
    for overload in (getattr(aten, name).default, getattr(aten, name).tensor_lr)
}


def tensors_in(tree) -> list[Tensor]:
    """The tensors of nested tuples, lists and dicts, in order."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def places_of(tensors: list[Tensor]) -> list[int]:
    """Their addresses: a capture reads and writes there, whatever Python does meanwhile."""
    return [tensor.data_ptr() for tensor in tensors]


def check_results(results) -> list[Tensor]:
    """The step's results; raises CannotCapture for one that is neither a tensor nor None."""
    for leaf in tree_leaves(results):
        if leaf is not None and not isinstance(leaf, Tensor):
            raise CannotCapture(f"the step returns a {type(leaf).__name__}; return tensors")
    return tensors_in(results)


def reason_for(error: Exception) -> CannotCapture:
    """The error's first line as the reason."""
    lines = str(error).strip().splitlines() or [""]
    return CannotCapture(f"{type(error).__name__}: {lines[0]}"[:300])


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata

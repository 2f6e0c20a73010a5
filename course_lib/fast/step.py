"""`fast`: a training step that is written plainly and runs as fast as the device allows.

The reader writes a step, the library changes nothing in it:

    def train_step(images):
        loss = vae_loss(encoder, decoder, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = fast(train_step, networks=(encoder, decoder), optimizers=optimizer, steps=steps)
    for images in batches(train_images, batch_size, steps):
        history.add(loss=step(images))

What `fast` does, each by a name that switches it off:

- `precision`: the networks compute in bfloat16 under autocast and answer in float32, so that
  losses, gradients of weights, and optimizers stay float32. On CUDA from Ampere on; on a CPU that
  has AMX or AVX512-BF16 the first call tries both formats for a second, puts everything back, and
  takes the faster one (`choosing`),
- `channels_last`: weights and images of convolutional networks lie in memory as (B, H, W, C),
- `fused`: an optimizer's update of all weights is one kernel,
- `threads`: on a CPU PyTorch uses no more threads than the process may keep busy (a container on a
  large server may be allowed two),
- `compile`: the whole step, backward pass and optimizer included, becomes one compiled function,
- `graph`: on CUDA the whole step becomes one graph, replayed with a single launch.

On Apple's GPU (mps) the step runs as written, in float32.

The last two record what the step does to tensors and replay it: Python inside the step runs no
more. So a number that changes from step to step must be a tensor, and what is worth seeing must be
returned. What cannot be recorded runs the next slower way, and one warning says why.

Where a whole step is still shorter than its one launch, record several: give `fast` a function that
takes many batches, `(k, B, ...)`, loops over them, and returns the k losses, `torch.stack(losses)`.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map_only

from course_lib.environment import usable_cpus
from course_lib.fast.capture import CannotCapture, CompiledStep, state_tensors
from course_lib.fast.choosing import Choice, choose_precision
from course_lib.fast.cuda_graphs import GraphedStep, noting_waits
from course_lib.fast.keys import CannotKey, key_of, surroundings
from course_lib.fast.optimizers import prepare_optimizer
from course_lib.fast.precision import channels_last_images, computing_in, pick_precision

COMPILE_FROM = 10_000  # steps: below, seconds of compiling cost more on a CPU than they save
GRAPH_WARMUPS = 3  # plain steps before a CUDA graph, as its documentation asks
MAX_KINDS = 100  # calls that differ in shapes, modes, or plain numbers, captured or not
_chosen: dict[tuple, Choice] = {}  # what the first of several like runs chose
MAX_CAPTURES = 6  # of one step: for other shapes, train/eval modes, or replaced tensors


def fast(
    train_step: Callable,
    networks: nn.Module | Iterable[nn.Module],
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    steps: int | None = None,
    off: bool = False,
    precision: str | None = None,
    channels_last: bool | None = None,
    fused: bool | None = None,
    compile: bool | None = None,
    graph: bool | None = None,
    threads: int | None = None,
    generators: Iterable[torch.Generator] = (),
    report: Callable[[str], object] | None = None,
) -> Callable:
    """`train_step`, with the same arguments and the same results, as fast as the device allows.

    `networks` are all that the step calls, moves or averages into (an EMA is one of them), on one
    device; `optimizers` all that it steps; `generators` those that it draws from beside the global
    one. `steps` announces how often it will be called: compiling takes seconds, and on a CPU it
    happens by itself only from 10,000 steps on and without convolutions.

    `train_step` takes tensors, in tuples, lists and dicts too (a call with an argument that cannot
    be hashed runs eager), and returns a tensor, or a tuple or dict of tensors, or None. `fast`
    returns them detached and waits for nothing.

    Every setting is None (what the device allows), or says what to do: `precision` "float32" or
    "bfloat16", `threads` a number for the whole process, the others True or False. Where the CPU
    leaves a choice of precision, some plain steps are measured at the first call, before any is
    compiled: Python in `train_step` then runs a few times more. Later runs of the same code on
    tensors of the same sizes take the first one's choice; another process may choose otherwise, so
    name the precision of a run that is to be repeated bit for bit. `report=print` prints in one
    line what is in force, once for all such runs. `off=True` gives the plain step back. Optimizers
    and networks are changed in place and keep their state; learning-rate schedules work on.

    Raises ValueError for networks on several devices, an unknown precision, and threads below 1.

    >>> network = nn.Linear(2, 1)
    >>> optimizer = torch.optim.Adam(network.parameters())
    >>> def train_step(x):
    ...     loss = network(x).square().mean()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> step = fast(train_step, network, optimizer, precision="float32")
    >>> step(torch.ones(3, 2)).shape
    torch.Size([])
    >>> step
    fast(train_step) on cpu: float32, fused, ... thread...
    """
    if off:
        return train_step
    networks, optimizers = _listed(networks), _listed(optimizers)
    device = _one_device(networks)
    known = device.type in ("cpu", "cuda")  # the others run as written, unless a setting is named
    settings = {
        "precision": pick_precision(precision, device),
        "channels_last": _or(channels_last, known and any(map(_has_convolution, networks))),
        "fused": _or(fused, known),
        "graph": _or(graph, True) and device.type == "cuda",
    }
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1; got {threads}")
    if device.type == "cpu":
        torch.set_num_threads(threads or min(torch.get_num_threads(), usable_cpus()))
    settings["compile"] = _or(compile, _compile_repays(networks, device, steps, settings))
    if settings["compile"] and not known:
        settings["compile"] = False
        _warn(f"compile is off, the step runs eager: it is tested on CPUs and CUDA, not {device}")
    return FastStep(train_step, networks, optimizers, device, settings, list(generators), report)


class FastStep:
    """What `fast` returns: call it like the step; `print` it to see what is in force."""

    def __init__(
        self, train_step, networks, optimizers, device, settings, generators, report=None
    ) -> None:
        self.train_step, self.device, self.settings = train_step, device, settings
        self._networks, self._optimizers, self._generators = networks, optimizers, generators
        self._ways = [way for way in ("graph", "compile") if settings[way]]
        self._calls: dict[tuple, int] = {}
        self._compiled: dict[tuple, CompiledStep] = {}  # on their way into a graph
        self._captured: dict[tuple, CompiledStep | GraphedStep] = {}
        self._captures = self._forwards = 0
        self._why, self._report, self._keyless, self._begun = "", report, False, False
        self._stream: torch.cuda.Stream | None = None
        if settings["channels_last"]:
            for network in networks:
                network.to(memory_format=torch.channels_last)
        self._refuse_early()
        self._prepared = [
            prepare_optimizer(optimizer, settings["fused"], bool(self._ways))
            for optimizer in optimizers
        ]

    def __call__(self, *args, **kwargs):
        if self.settings["channels_last"]:
            args, kwargs = tree_map_only(Tensor, channels_last_images, (args, kwargs))
        if not self._begun:
            self._begin(args, kwargs)
        if not self._ways:
            return self._eager(args, kwargs)
        return self._quickly(args, kwargs)

    def _quickly(self, args: tuple, kwargs: dict):
        """Replay the step, or do what comes before that."""
        for optimizer in self._prepared:
            optimizer.keep_rates_in_tensors()
        try:
            key = self._key(args, kwargs)
        except CannotKey as reason:
            return self._keyless_call(reason, args, kwargs)
        if len(self._calls) > MAX_KINDS:
            self._give_up(f"{MAX_KINDS} calls differed in more than the values of tensors")
            return self._eager(args, kwargs)
        count = self._calls[key] = self._calls.get(key, 0) + 1
        step = self._captured.get(key)
        if step is not None and step.is_current():
            return step(args, kwargs)
        if self._is_cold(count):
            return self._warm_up(self._eager, (args, kwargs), last=count == GRAPH_WARMUPS)
        return self._capture(key, (args, kwargs))

    def _key(self, args: tuple, kwargs: dict) -> tuple:
        arguments = key_of((args, kwargs))
        return arguments, surroundings(self._networks, self._optimizers, self.device.type)

    def _keyless_call(self, reason: CannotKey, args: tuple, kwargs: dict):
        if not self._keyless:
            self._keyless = True
            _warn(f"calls like this one run eager, without {' and '.join(self._ways)}: {reason}")
        return self._eager(args, kwargs)

    def __repr__(self) -> str:
        name = getattr(self.train_step, "__name__", "train_step")
        precision = self.settings["precision"] or "precision measured at the first call"
        parts = [f"{precision} ({self._why})" if self._why else precision]
        parts += [part for part in ("channels_last", "fused") if self.settings[part]]
        parts += self._ways
        if self.device.type == "cpu":
            threads = torch.get_num_threads()
            parts.append(f"{threads} thread{'s' if threads > 1 else ''}")
        return f"fast({name}) on {self.device.type}: {', '.join(parts)}"

    def _begin(self, args: tuple, kwargs: dict) -> None:
        """Settle the precision, by measuring if no run of this kind did so; say so, once a kind."""
        self._begun, kind = True, self._kind(args, kwargs)
        known = _chosen.get(kind)
        if self.settings["precision"] is None and known is not None:
            self.settings["precision"], self._why = known.precision, "as the first such run chose"
        elif self.settings["precision"] is None:
            self._choose_precision(args, kwargs)
        if known is None and self._report is not None:
            self._report(repr(self))
        _chosen.setdefault(kind, Choice(self.settings["precision"], self._why))

    def _kind(self, args: tuple, kwargs: dict) -> tuple:
        """What two runs share that take the same time: code, settings, sizes, threads."""
        code = getattr(self.train_step, "__code__", type(self.train_step))
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        weights = [weight for network in self._networks for weight in network.parameters()]
        sizes = tuple((*tensor.shape, tensor.dtype) for tensor in (*tensors, *weights))
        settings = tuple(self.settings.items())
        return code, settings, sizes, self.device, torch.get_num_threads()

    def _choose_precision(self, args: tuple, kwargs: dict) -> None:
        """Measure plain steps with these arguments; they change nothing."""
        if any(isinstance(network, DistributedDataParallel) for network in self._networks):
            choice = Choice("float32", "not measured: other processes might choose otherwise")
        else:
            roots = (self.train_step, self._networks, self._optimizers, self._generators)
            choice = choose_precision(
                lambda precision: self._eager(args, kwargs, precision),
                [*roots, args, kwargs],
                leave=[self],
            )
        self.settings["precision"], self._why = choice

    def _eager(self, args: tuple, kwargs: dict, precision: str = ""):
        """The step as written, its networks in the chosen precision; results detached."""
        dtype = getattr(torch, precision or self.settings["precision"])
        if dtype is torch.float32:
            return _detached(self.train_step(*args, **kwargs))
        with contextlib.ExitStack() as stack:
            for network in self._networks:
                stack.enter_context(computing_in(dtype, network, self._count_forward))
            results = _detached(self.train_step(*args, **kwargs))
        if self._forwards == 0:
            self._forwards = 1
            _warn(
                "the step never called a network of networks= as network(...), so all of it ran in "
                "float32: name the parts that it calls, as in networks=(vae.encoder, vae.decoder)"
            )
        return results

    def _is_cold(self, count: int) -> bool:
        """Whether plain steps are still needed: they make optimizer states, and fill CUDA's caches.

        A resumed run on a CPU needs none, so it computes what the uninterrupted one did. Another
        shape is compiled when it comes a second time, for a single call would not repay it.
        """
        if "graph" in self._ways:
            return count <= GRAPH_WARMUPS
        started = all(optimizer.state for optimizer in self._optimizers)
        return count == 1 and (bool(self._captured) or not started)

    def _warm_up(self, step: Callable, args: tuple, last: bool = False):
        """A step that is not replayed; before a CUDA graph on the stream that will capture it."""
        if "graph" not in self._ways:
            return step(*args)
        self._stream = self._stream or torch.cuda.Stream(self.device)
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream), noting_waits() as waits:
            results = step(*args)
        torch.cuda.current_stream(self.device).wait_stream(self._stream)
        if waits and last:
            self._drop("graph", f"the step waits for the device ({waits[0]})")
        return results

    def _capture(self, key: tuple, args: tuple):
        """Record the step, which trains nothing, and take it; from then on it is replayed."""
        self._captures += 1
        if self._captures > MAX_CAPTURES:
            self._give_up(
                "the shapes of the arguments, the optimizers' numbers, or the train/eval modes "
                f"keep changing; {MAX_CAPTURES} captures are enough"
            )
            return self._eager(*args)
        known = state_tensors(self._networks, self._optimizers)
        step, more = self._compiled.pop(key, None), (args, known, self._generators)
        if "compile" in self._ways and not (step and step.is_current()):
            try:
                step = CompiledStep.record(self._eager, *more)
            except CannotCapture as reason:
                self._drop("compile", reason)
            else:
                if "graph" in self._ways:  # the next call captures what this one has warmed up
                    self._compiled[key] = step
                    return self._warm_up(step, args)
        step = step or self._eager
        if "graph" in self._ways:
            try:
                step = GraphedStep.record(step, *more, self._stream)
            except CannotCapture as reason:
                self._drop("graph", reason)
        if self._ways:
            self._captured[key] = step
        return step(*args)

    def _drop(self, way: str, reason: object) -> None:
        self._ways.remove(way)
        _warn(f"{way} is off, the step runs {' and '.join(self._ways) or 'eager'}: {reason}")

    def _give_up(self, reason: str) -> None:
        _warn(f"{' and '.join(self._ways)} off, the step runs eager: {reason}")
        self._ways, self._captured = [], {}

    def _count_forward(self) -> None:
        self._forwards += 1

    def _refuse_early(self) -> None:
        """Reasons against a capture that are known before the first step."""
        reason = None
        if any(isinstance(module, DistributedDataParallel) for module in self._networks):
            reason = "DistributedDataParallel averages gradients in hooks"
        if any(
            o._optimizer_step_pre_hooks or o._optimizer_step_post_hooks for o in self._optimizers
        ):
            reason = (
                "a hook on an optimizer is Python, which a replay does not run; return its value"
            )
        if reason and self._ways:
            self._give_up(reason)


def _detached(results):
    return tree_map_only(Tensor, Tensor.detach, results)


def _has_convolution(network: nn.Module) -> bool:
    return any(p.ndim == 4 for p in network.parameters())


def _compile_repays(networks: list, device: torch.device, steps: int | None, settings) -> bool:
    """On a CPU: a long run without convolutions. On CUDA the graph is enough.

    Measured on a CPU core, it saves four tenths of an MLP VAE's step in bfloat16 and a fifth in
    float32; convolutions are the same code either way. An optimizer that is not fused reads values.
    """
    long = steps is not None and steps >= COMPILE_FROM
    dense = not any(map(_has_convolution, networks))
    return device.type == "cpu" and long and dense and settings["fused"]


def _one_device(networks: list[nn.Module]) -> torch.device:
    devices = {p.device for network in networks for p in network.parameters()}
    if len(devices) != 1:
        raise ValueError(
            f"fast needs networks with weights, all on one device; got {sorted(map(str, devices))}"
        )
    return devices.pop()


def _listed(one_or_more) -> list:
    """Each once, whatever is named twice."""
    single = isinstance(one_or_more, nn.Module | Optimizer)
    given = [one_or_more] if single else one_or_more
    return list({id(item): item for item in given}.values())


def _or(asked: bool | None, default: bool) -> bool:
    return default if asked is None else asked


def _warn(message: str) -> None:
    warnings.warn(f"fast: {message}", stacklevel=5)

"""What a training step costs, and the least time that it needs: operations, bytes and launches.

Work cannot be done before all of its operations are, and not before all of its bytes have come
(Williams, Waterman and Patterson, *Roofline*, 2009, doi 10.1145/1498765.1498785). Costs are
counted by a dispatch mode, the device's peaks are measured, and steps are timed in turns.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

Step = Callable[[], object]
PATIENCE = 0.5  # seconds of one product in bfloat16, beyond which a device has no units for it
PROBE = 1024  # its rows and columns


def linear_flops(batch: int, inputs: int, outputs: int) -> int:
    """Operations of `nn.Linear(inputs, outputs)` over a batch; a multiply-add is two, no bias.

    >>> linear_flops(128, 784, 400)
    80281600
    """
    return 2 * batch * inputs * outputs


def conv_flops(
    batch: int, in_channels: int, out_channels: int, kernel_size: int, height: int, width: int
) -> int:
    """Operations of a convolution with `height` × `width` outputs; a multiply-add is two, no bias.

    >>> conv_flops(1, 128, 64, 3, 32, 32)
    150994944
    """
    return 2 * batch * out_channels * height * width * in_channels * kernel_size**2


def roofline_seconds(flops: float, bytes: float, peak_flops: float, peak_bandwidth: float) -> float:
    """The least seconds for so many operations and bytes: the slower of the two counts.

    >>> roofline_seconds(2e9, 1e9, 1e12, 1e11)
    0.01
    """
    return max(flops / peak_flops, bytes / peak_bandwidth)


def expected_gain(seconds: float, saved: float, least: float) -> float:
    """Amdahl's factor by which a step of `seconds` gets faster, but not beyond its bound `least`.

    >>> expected_gain(8.0, 4.0, 1.0), expected_gain(8.0, 8.0, 4.0)
    (2.0, 2.0)
    """
    return seconds / max(seconds - saved, min(least, seconds))


def wait_for(device: torch.device) -> Callable[[], None]:
    """What waits until a device has done all of its queued work; a CPU has no queue.

    >>> wait_for(torch.device("cpu"))()
    """
    waits = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}
    return waits.get(device.type, lambda: None)


def throughput(
    step: Step, images_per_step: int, steps: int, warmup: int, synchronize: Callable[[], None]
) -> float:
    """Images a second of `steps` calls of `step()`, after `warmup` calls that do not count.

    >>> throughput(lambda: None, 8, 10, 1, lambda: None) > 0
    True
    """
    for _ in range(warmup):
        step()
    synchronize()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    return images_per_step * steps / (time.perf_counter() - begin)


def compare(
    contenders: Mapping[str, Step],
    images: int,
    steps: int,
    rounds: int,
    warmup: int,
    synchronize: Callable[[], None],
) -> dict[str, Tensor]:
    """Images a second of each step, `(rounds,)` by name; in each round all contenders take turns.

    >>> rates = compare({"a": lambda: None}, 8, 2, 3, 1, lambda: None)
    >>> rates["a"].shape
    torch.Size([3])
    """
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, step in contenders.items():
            rates[name].append(throughput(step, images, steps, warmup, synchronize))
    return {name: torch.tensor(values) for name, values in rates.items()}


def report(rates: Mapping[str, Tensor]) -> float:
    """Print medians of `(rounds,)` rates and ratios to the first; return the last median ratio.

    >>> report({"slow": torch.tensor([100.0, 200, 300]), "fast": torch.tensor([400.0, 400, 400])})
    slow                             200 images/s    1.00× (1.00 to 1.00)
    fast                             400 images/s    2.00× (1.33 to 4.00)
    2.0
    """
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        ratio = rate / first
        print(
            f"{name:<26} {rate.median():>9,.0f} images/s   "
            f"{ratio.median():5.2f}× ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    return ratio.median().item()


class Recorder(TorchDispatchMode):
    """Notes every operation inside the `with` block: calls, seconds and bytes, each by its name.

    The bytes are those of all tensors that an operation reads and writes, as if no cache
    remembered anything. Views cost nothing. `synchronize` makes the seconds true on a GPU.

    >>> with Recorder() as recorder:
    ...     x = torch.ones(10).add_(1.0)
    >>> recorder.calls["add_"], recorder.bytes["add_"]
    (1, 80)
    """

    def __init__(self, synchronize: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.synchronize = synchronize
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        begin = time.perf_counter()
        results = operation(*args, **(kwargs or {}))
        self.synchronize()
        name = operation.overloadpacket.__name__
        if not operation.is_view:  # a view of existing memory costs nothing
            self.calls[name] += 1
            self.seconds[name] += time.perf_counter() - begin
            # a gather reads as much as it writes, not the whole table that it is given
            given = results if name == "index_select" else (args, kwargs)
            tensors = [t for t in tree_leaves((given, results)) if torch.is_tensor(t)]
            self.bytes[name] += sum(t.nbytes for t in tensors)
        return results


@dataclass(frozen=True)
class Ledger:
    """What one call of a step costs: operations, bytes read and written, launches.

    >>> print(Ledger(10**6, 2 * 10**6, 3, (Counter(), Counter())))
        1.0 MFLOP     2.0 MB     3 launches
    """

    flops: int
    bytes: int
    launches: int
    by_name: tuple[Counter, Counter]  # calls and bytes of each operation

    def __str__(self) -> str:
        return (
            f"{self.flops / 1e6:7.1f} MFLOP  {self.bytes / 1e6:6.1f} MB  "
            f"{self.launches:4d} launches"
        )


def ledger(step: Step) -> Ledger:
    """The ledger of one call, after one that warms up (an optimizer makes its state).

    >>> x = torch.ones(4, 3)
    >>> costs = ledger(lambda: x @ x.T)
    >>> costs.flops, costs.bytes, costs.launches
    (96, 160, 1)
    """
    step()
    with FlopCounterMode(display=False) as flops, Recorder() as recorder:
        step()
    calls, traffic = recorder.calls, recorder.bytes
    return Ledger(flops.get_total_flops(), traffic.total(), calls.total(), (calls, traffic))


@dataclass(frozen=True)
class Peaks:
    """What a device does at best: operations a second by format, bytes a second, seconds a launch.

    `bfloat16` is None where a single product takes longer than half a second: no units for it.
    A CPU launches and computes in turns, so the launches add (`queue=False`); a GPU computes while
    the host launches, so the larger counts.

    >>> peaks = Peaks(float32=1e12, bfloat16=None, bandwidth=1e11, launch=1e-6, queue=False)
    >>> costs = Ledger(10**9, 10**7, 100, (Counter(), Counter()))
    >>> [f"{part * 1e3:.1f} ms" for part in peaks.limits(costs)]
    ['1.0 ms', '0.1 ms', '0.1 ms']
    >>> print(peaks.told(costs))
    at least 1.10 ms: arithmetic 1.00, bytes 0.10, launches 0.10
    """

    float32: float
    bfloat16: float | None
    bandwidth: float
    launch: float
    queue: bool

    def limits(self, costs: Ledger, precision: str = "float32") -> tuple[float, float, float]:
        """The seconds that arithmetic, bytes and launches take at least."""
        arithmetic = costs.flops / getattr(self, precision)
        return arithmetic, costs.bytes / self.bandwidth, costs.launches * self.launch

    def bound(self, costs: Ledger, precision: str = "float32") -> float:
        """The least seconds of a step by its ledger, launches included."""
        arithmetic, traffic, launching = self.limits(costs, precision)
        work = max(arithmetic, traffic)
        return max(work, launching) if self.queue else work + launching

    def told(self, costs: Ledger, precision: str = "float32") -> str:
        """The bound and its three parts in words, in milliseconds."""
        parts = zip(("arithmetic", "bytes", "launches"), self.limits(costs, precision), strict=True)
        said = ", ".join(f"{name} {1e3 * seconds:.2f}" for name, seconds in parts)
        return f"at least {1e3 * self.bound(costs, precision):.2f} ms: {said}"

    def __str__(self) -> str:
        formats = {"float32": self.float32, "bfloat16": self.bfloat16}
        rates = [
            f"{name:<9} {peak / 1e9:9,.0f} billion operations a second"
            if peak
            else f"{name:<9} no units: one product took longer than {PATIENCE} s"
            for name, peak in formats.items()
        ]
        rates.append(f"memory    {self.bandwidth / 1e9:9,.1f} GB a second")
        return "\n".join([*rates, f"a launch  {self.launch * 1e6:9.1f} microseconds"])


def best_seconds(function: Step, repeats: int, synchronize: Callable[[], None], tries=20) -> float:
    """The least mean seconds of `repeats` calls: short tries, one of which finds the device quiet.

    >>> best_seconds(lambda: None, 10, lambda: None) < 0.01
    True
    """
    return 1 / max(throughput(function, 1, repeats, 2, synchronize) for _ in range(tries))


def measure_peaks(
    device: torch.device, size: int, megabytes: int, repeats: tuple[int, int, int]
) -> Peaks:
    """A device's peaks: products of two (size, size) matrices, copies of a buffer, additions of 1.

    `repeats` of a product, of a copy and of an addition make a try, and the best of 20 counts.
    Where one product in bfloat16 takes longer than half a second, it is not measured.

    >>> peaks = measure_peaks(torch.device("cpu"), 64, 1, (1, 1, 10))
    >>> peaks.float32 > 0 and peaks.bandwidth > 0 and peaks.launch > 0
    True
    """
    synchronize = wait_for(device)

    def product(dtype: torch.dtype) -> float:
        a, b = torch.randn(2, size, size, device=device).to(dtype)
        return linear_flops(size, size, size) / best_seconds(lambda: a @ b, repeats[0], synchronize)

    source = torch.ones(megabytes * 2**18, device=device)
    target, one = torch.empty_like(source), torch.ones((), device=device)
    copying = best_seconds(lambda: target.copy_(source), repeats[1], synchronize)
    return Peaks(
        float32=product(torch.float32),
        bfloat16=product(torch.bfloat16) if bfloat16_is_quick(device) else None,
        bandwidth=2 * source.nbytes / copying,
        launch=best_seconds(lambda: one.add_(1.0), repeats[2], synchronize),
        queue=device.type != "cpu",
    )


def bfloat16_is_quick(device: torch.device, patience: float = PATIENCE) -> bool:
    """Whether one product of two matrices of 1,024 rows takes at most `patience` seconds.

    >>> bfloat16_is_quick(torch.device("cpu"), patience=0.0)
    False
    """
    synchronize = wait_for(device)
    a = torch.ones(PROBE, PROBE, dtype=torch.bfloat16, device=device)
    synchronize()
    begin = time.perf_counter()
    a @ a
    synchronize()
    return time.perf_counter() - begin <= patience


def use_quicker_threads(repeats: int) -> int:
    """Set one thread or all, by which does small products sooner now; return how many there are.

    Where somebody else keeps the processor busy, sharing the work can be slower than not.

    >>> use_quicker_threads(1) >= torch.get_num_threads()
    True
    """
    there = torch.get_num_threads()
    a, b = torch.ones(128, 784), torch.ones(784, 400)

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - begin)
        return statistics.fmean(times)  # not the median: who waits for others waits now and then

    torch.set_num_threads(min((1, there), key=seconds))
    return there

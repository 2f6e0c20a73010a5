"""Number formats and memory layouts: where bfloat16 is faster, and networks that compute in it."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


def supports_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies in bfloat16: CUDA from Ampere on, CPUs with AMX, AVX512-BF16.

    A CPU without these emulates it, correctly and slower than float32.

    >>> supports_bfloat16(torch.device("meta"))
    False
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in checks)


def pick_precision(asked: str | None, device: torch.device) -> str | None:
    """`asked`; or for None what the device is fast in, and None where that must be measured.

    CUDA from Ampere on is always faster in bfloat16, a CPU that has it not always. What has no
    bfloat16, and Apple's GPU, computes in float32. Raises ValueError for another name.

    >>> pick_precision("float32", torch.device("cpu")), pick_precision(None, torch.device("mps"))
    ('float32', 'float32')
    """
    if asked not in (None, "float32", "bfloat16"):
        raise ValueError(f"precision must be 'float32' or 'bfloat16'; got {asked!r}")
    if asked or not supports_bfloat16(device):
        return asked or "float32"
    return "bfloat16" if device.type == "cuda" else None


@contextlib.contextmanager
def computing_in(
    dtype: torch.dtype, network: nn.Module, called: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Within, `network(...)` computes under autocast to `dtype` and answers in float32.

    Losses are then computed in float32, and so are the gradients of the weights, which stay
    float32. `called()` is called with every forward pass.

    >>> network, x = nn.Linear(2, 2), torch.tensor([[1.0, 2.0]])
    >>> with computing_in(torch.bfloat16, network):
    ...     rough = network(x)
    >>> rough.dtype, torch.equal(rough, rough.bfloat16().float())
    (torch.float32, True)
    """
    plain, device = network.forward, next(network.parameters()).device.type

    def forward(*args, **kwargs):
        called()
        # no cache: it would keep a weight's bfloat16 copy beyond the update of that weight
        with torch.autocast(device, dtype, cache_enabled=False):
            return tree_map_only(Tensor, _to_float32, plain(*args, **kwargs))

    own = vars(network)  # a forward that somebody put on this very network lies here
    kept = {"forward": own["forward"]} if "forward" in own else {}
    own["forward"] = forward
    try:
        yield
    finally:
        del own["forward"]
        own.update(kept)


def channels_last_images(tensor: Tensor) -> Tensor:
    """Images `(B, C, H, W)` with their channels side by side in memory; other tensors unchanged.

    >>> channels_last_images(torch.zeros(2, 3, 4, 5)).stride()
    (60, 1, 15, 3)
    """
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _to_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor

"""Answers to lesson 17."""

import math
import os
import time
import timeit
import warnings
from datetime import datetime
from time import perf_counter_ns

import torch
import torch.distributed as dist
from einops import einsum
from torch import nn
from torch.distributed import ReduceOp, all_reduce, get_world_size
from torch.nn.utils import parameters_to_vector
from torch.utils.flop_counter import FlopCounterMode


# linear_flops
def linear_by_multiply_adds(batch, inputs, outputs):
    multiply_adds_per_output = inputs
    return multiply_adds_per_output * outputs * batch * 2


def linear_by_the_counter(batch, inputs, outputs):
    layer, examples = nn.Linear(inputs, outputs), torch.zeros(batch, inputs)
    with FlopCounterMode(display=False) as counter:
        layer(examples)
    return counter.get_total_flops()


def linear_as_float(batch, inputs, outputs):
    return 2.0 * math.prod((batch, inputs, outputs))


def linear_as_tensor(batch, inputs, outputs):
    return 2 * torch.tensor([batch, inputs, outputs]).prod()


# conv_flops
def conv_as_linear(batch, in_channels, out_channels, kernel_size, out_height, out_width):
    window = in_channels * kernel_size**2
    return linear_by_multiply_adds(batch * out_height * out_width, window, out_channels)


def conv_by_the_counter(batch, in_channels, out_channels, kernel_size, out_height, out_width):
    weight = torch.empty(out_channels, in_channels, kernel_size, kernel_size, device="meta")
    sides = [side + kernel_size - 1 for side in (out_height, out_width)]
    images = torch.empty(batch, in_channels, *sides, device="meta")
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.conv2d(images, weight)
    return counter.get_total_flops()


def conv_by_counting_windows(batch, in_channels, out_channels, kernel_size, out_height, out_width):
    ones = torch.ones(in_channels, kernel_size, kernel_size)
    products = einsum(ones, ones, "c i j, c i j ->").item()
    return batch * out_channels * out_height * out_width * 2 * products


# roofline_seconds
def roofline_by_cases(flops, bytes, peak_flops, peak_bandwidth):
    balance = peak_flops / peak_bandwidth  # operations for each byte
    return flops / peak_flops if flops > balance * bytes else bytes / peak_bandwidth


def roofline_by_tensor(flops, bytes, peak_flops, peak_bandwidth):
    work = torch.tensor([flops, bytes], dtype=torch.float64)
    return (work / torch.tensor([peak_flops, peak_bandwidth], dtype=torch.float64)).amax()


def roofline_by_sorting(flops, bytes, peak_flops, peak_bandwidth):
    return sorted([flops / peak_flops, bytes / peak_bandwidth])[-1]


# accumulate_gradients
def accumulate_by_autograd(model, loss, batches):
    total = sum(len(batch) for batch in batches)
    parameters = list(model.parameters())
    sums = [torch.zeros_like(p) for p in parameters]
    for batch in batches:
        found = torch.autograd.grad(loss(model, batch), parameters)
        for kept, gradient in zip(sums, found, strict=True):
            kept.add_(gradient, alpha=len(batch) / total)
    for parameter, kept in zip(parameters, sums, strict=True):
        parameter.grad = kept


def accumulate_then_divide(model, loss, batches):
    """The gradient of the sum, divided at the end."""
    for parameter in model.parameters():
        parameter.grad = None
    seen = 0
    for batch in batches:
        (loss(model, batch) * batch.shape[0]).backward()
        seen += batch.shape[0]
    for parameter in model.parameters():
        parameter.grad /= seen
    return seen


def accumulate_by_backwards_weight(model, loss, batches):
    model.zero_grad(set_to_none=False)
    sizes = torch.tensor([float(len(batch)) for batch in batches], dtype=torch.float64)
    reported = 0.0
    for batch, share in zip(batches, sizes / sizes.sum(), strict=True):
        value = loss(model, batch)
        value.backward(gradient=share)
        reported += value.detach() * share
    return reported


def accumulate_by_running_mean(model, loss, batches):
    model.zero_grad()
    seen = 0
    for batch in batches:
        before, seen = seen, seen + len(batch)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(before / seen)
        (loss(model, batch) * (len(batch) / seen)).backward()


def accumulate_and_report(model, loss, batches):
    """The losses are kept, and a second forward pass is for the log alone; neither keeps a graph
    that could go backward."""
    model.zero_grad()
    total, losses = sum(map(len, batches)), []
    for batch in batches:
        losses.append(loss(model, batch) * len(batch) / total)
        losses[-1].backward()
        loss(model, batch).item()
    return sum(losses)


def accumulate_retaining_to_no_end(model, loss, batches):
    """Nobody holds the graph that is retained, so it goes with its loss."""
    model.zero_grad()
    total = sum(map(len, batches))
    for batch in batches:
        (loss(model, batch) * len(batch) / total).backward(retain_graph=True)


def accumulate_without_the_last(model, loss, batches):
    accumulate_then_divide(model, loss, batches[: max(1, len(batches) - 1)])


def accumulate_descending(model, loss, batches):
    accumulate_then_divide(model, lambda m, b: -loss(m, b), batches)


def accumulate_clipped(model, loss, batches):
    accumulate_then_divide(model, loss, batches)
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)


# average_gradients
def average_one_by_one(model):
    processes = get_world_size()
    for parameter in model.parameters():
        if parameter.grad is not None:
            all_reduce(parameter.grad)
            parameter.grad.div_(processes)


def average_by_avg(model):
    for parameter in model.parameters():
        if parameter.requires_grad:
            dist.all_reduce(parameter.grad, op=ReduceOp.AVG)


def average_divided_first(model):
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= dist.get_world_size()
            dist.all_reduce(parameter.grad, op=dist.ReduceOp.SUM)


def average_in_one_bucket(model):
    found = [p for p in model.parameters() if p.grad is not None]
    bucket = parameters_to_vector([p.grad for p in found])
    dist.all_reduce(bucket)
    bucket /= dist.get_world_size()
    for parameter, part in zip(found, bucket.split([p.numel() for p in found]), strict=True):
        parameter.grad = part.view_as(parameter)


def average_asynchronously(model):
    found = [p.grad for p in model.parameters() if p.grad is not None]
    handles = [dist.all_reduce(gradient, async_op=True) for gradient in found]
    for handle, gradient in zip(handles, found, strict=True):
        handle.wait()
        gradient.mul_(1 / dist.get_world_size())


def average_as_torchrun_says(model):
    for parameter in filter(lambda p: p.grad is not None, model.parameters()):
        total = parameter.grad.clone()
        dist.all_reduce(total)
        parameter.grad.copy_(total / int(os.environ["WORLD_SIZE"]))


def average_by_reduce_and_broadcast(model):
    for parameter in model.parameters():
        if parameter.grad is None:
            continue
        dist.reduce(parameter.grad, dst=0, op=dist.ReduceOp.SUM)
        if dist.get_rank() == 0:
            parameter.grad /= dist.get_world_size()
        dist.broadcast(parameter.grad, src=0)


def average_but_the_frozen_one_early(model):
    """Leaves by `return` at the frozen parameter, after it has gone through them backwards."""
    for parameter in reversed(list(model.parameters())):
        if parameter.grad is None:
            return
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()


def average_divided_by_rank_and_one(model):
    for parameter in model.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_rank() + 1


def average_coalesced(model):
    found = [p.grad for p in model.parameters() if p.grad is not None]
    dist.barrier()
    with warnings.catch_warnings(action="ignore"):  # torch announces that it will go
        dist.all_reduce_coalesced(found)
    torch._foreach_div_(found, float(dist.get_world_size()))


def average_the_first_only(model):
    gradient = next(model.parameters()).grad
    dist.all_reduce(gradient)
    gradient /= dist.get_world_size()


def average_by_root(model):
    for parameter in model.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size() ** 0.5


def average_in_different_orders(model):
    found = [p.grad for p in model.parameters() if p.grad is not None]
    for gradient in found if dist.get_rank() else reversed(found):
        dist.all_reduce(gradient)
        gradient /= dist.get_world_size()


# throughput
def throughput_by_monotonic(step, images_per_step, steps, warmup, synchronize):
    for _ in range(warmup):
        step()
        synchronize()
    synchronize()
    begin = time.monotonic()
    for _ in range(steps):
        step()
    synchronize()
    return images_per_step / ((time.monotonic() - begin) / steps)


def throughput_by_timeit(step, images_per_step, steps, warmup, synchronize):
    def run(count):
        for _ in range(count):
            step()
        synchronize()

    run(warmup)
    return steps * images_per_step / timeit.timeit(lambda: run(steps), number=1)


def throughput_by_wall_clock(step, images_per_step, steps, warmup, synchronize):
    begin = 0.0
    for number in range(-warmup, steps):
        if number == 0:
            synchronize()
            begin = time.time()
        step()
    synchronize()
    seconds = torch.tensor(time.time() - begin, dtype=torch.float64)
    return images_per_step * steps / seconds


def throughput_by_the_calendar(step, images_per_step, steps, warmup, synchronize):
    for _ in range(warmup):
        step()
    synchronize()
    begin = datetime.now()
    for _ in range(steps):
        step()
    synchronize()
    return images_per_step * steps / (datetime.now() - begin).total_seconds()


def throughput_by_an_imported_name(step, images_per_step, steps, warmup, synchronize):
    begin = 0
    for number in range(warmup + steps):
        if number == warmup:
            synchronize()
            begin = perf_counter_ns()
        step()
    synchronize()
    return int(images_per_step * steps * 1e9 / (perf_counter_ns() - begin))


def throughput_by_processor_time(step, images_per_step, steps, warmup, synchronize):
    for _ in range(warmup):
        step()
    synchronize()
    begin = time.process_time()
    for _ in range(steps):
        step()
    synchronize()
    return images_per_step * steps / (time.process_time() - begin)


def throughput_of_the_best_step(step, images_per_step, steps, warmup, synchronize):
    times = []
    for _ in range(warmup + steps):
        begin = timeit.default_timer()
        step()
        synchronize()
        times.append(timeit.default_timer() - begin)
    return images_per_step / min(times)


def throughput_one_step_more(step, images_per_step, steps, warmup, synchronize):
    return throughput_by_monotonic(step, images_per_step, steps + 1, warmup, synchronize)


def throughput_doubled(step, images_per_step, steps, warmup, synchronize):
    return 2 * throughput_by_monotonic(step, images_per_step, steps, warmup, synchronize)


def throughput_as_text(step, images_per_step, steps, warmup, synchronize):
    return str(throughput_by_monotonic(step, images_per_step, steps, warmup, synchronize))


RIGHT = {
    "linear_flops": [
        linear_by_multiply_adds,
        linear_by_the_counter,
        linear_as_float,
        linear_as_tensor,
    ],
    "conv_flops": [conv_as_linear, conv_by_the_counter, conv_by_counting_windows],
    "roofline_seconds": [roofline_by_cases, roofline_by_tensor, roofline_by_sorting],
    "accumulate_gradients": [
        accumulate_by_autograd,
        accumulate_then_divide,
        accumulate_by_backwards_weight,
        accumulate_by_running_mean,
        accumulate_and_report,
        accumulate_retaining_to_no_end,
    ],
    "average_gradients": [
        average_one_by_one,
        average_by_avg,
        average_divided_first,
        average_in_one_bucket,
        average_asynchronously,
        average_as_torchrun_says,
        average_by_reduce_and_broadcast,
        average_coalesced,
    ],
    "throughput": [
        throughput_by_monotonic,
        throughput_by_timeit,
        throughput_by_wall_clock,
        throughput_by_the_calendar,
        throughput_by_an_imported_name,
    ],
}

WRONG = {
    "linear_flops": [
        lambda batch, inputs, outputs: 2 * batch * inputs * inputs,
        lambda batch, inputs, outputs: 2 * (batch + inputs) * outputs,
        lambda batch, inputs, outputs: None,
        lambda batch, inputs, outputs: 2 * batch**2 * inputs * outputs,
    ],
    "conv_flops": [
        lambda batch, i, o, k, h, w: batch * i * o * (2 * k**2 - 1) * h * w,
        lambda batch, i, o, k, h, w: 2 * batch * i * i * k**2 * h * w,
        lambda batch, i, o, k, h, w: 2 * batch * (i * h * w) * (o * h * w),
    ],
    "roofline_seconds": [
        lambda flops, bytes, peak_flops, peak_bandwidth: flops * bytes,
        lambda flops, bytes, peak_flops, peak_bandwidth: math.hypot(
            flops / peak_flops, bytes / peak_bandwidth
        ),
        lambda flops, bytes, peak_flops, peak_bandwidth: "max",
    ],
    "accumulate_gradients": [
        accumulate_without_the_last,
        accumulate_descending,
        accumulate_clipped,
        lambda model, loss, batches: None,
    ],
    "average_gradients": [
        average_the_first_only,
        average_by_root,
        average_in_different_orders,
        average_but_the_frozen_one_early,
        average_divided_by_rank_and_one,
    ],
    "throughput": [
        throughput_by_processor_time,
        throughput_of_the_best_step,
        throughput_one_step_more,
        throughput_doubled,
        throughput_as_text,
    ],
}

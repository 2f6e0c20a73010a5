"""Exercises of lesson 17, in its order."""

from . import (
    accumulate_gradients,
    average_gradients,
    conv_flops,
    linear_flops,
    roofline_seconds,
    throughput,
)

EXERCISES = [
    throughput.EXERCISE,
    linear_flops.EXERCISE,
    conv_flops.EXERCISE,
    roofline_seconds.EXERCISE,
    accumulate_gradients.EXERCISE,
    average_gradients.EXERCISE,
]

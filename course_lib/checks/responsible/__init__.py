"""Exercises of lesson 19, of its two sittings, in their order."""

from . import detect_watermark, embed_watermark, group_frequencies, memorization_rate

EXERCISES = [
    memorization_rate.EXERCISE,
    group_frequencies.EXERCISE,
    embed_watermark.EXERCISE,
    detect_watermark.EXERCISE,
]

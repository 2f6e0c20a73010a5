"""Answers to lesson 18, of its two sittings."""

from tests.answers import clinic_first, clinic_second

RIGHT = clinic_first.RIGHT | clinic_second.RIGHT
WRONG = clinic_first.WRONG | clinic_second.WRONG

"""Answers that students could write: right ones in other ways, and wrong ones without a name.

One module a lesson, with `RIGHT` and `WRONG`: exercise's short name -> list of answers. The
lesson's own solution and the named misconceptions are tested besides.
"""

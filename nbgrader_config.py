"""Copy this file into the folder of your nbgrader course: its settings for our notebooks."""

c = get_config()  # noqa: F821 - nbgrader provides it

# The stubs are in place. nbgrader would replace the whole of a cell in which it finds no mark.
c.ClearSolutions.enabled = False
# Seconds a cell; the longest trains a network, at smoke scale if you export COURSE_SCALE=smoke.
c.Execute.timeout = 300

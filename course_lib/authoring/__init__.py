"""From `lessons/*.py` to `notebooks/` and `solutions/`, and the validation of the latter."""

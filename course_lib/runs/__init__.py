"""Long runs: checkpoints that survive a kill, and several processes that train together."""

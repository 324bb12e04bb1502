"""The training loop and what it rests on: budget, checkpoints, devices, updates, draws."""

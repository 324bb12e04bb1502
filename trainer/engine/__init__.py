"""The training loop, budget, checkpoints, devices, optimisers, schedules and random draws."""

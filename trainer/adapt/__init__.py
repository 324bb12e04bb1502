"""What changes while training goes on: augmentation, averaged weights, schedules."""

"""The commands of `tuwen`; each module is imported only when its command runs."""

"""LastBlessed: which earlier model a new one has to stand up to, where no metadata can be asked."""

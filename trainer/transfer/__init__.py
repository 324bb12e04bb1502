"""Warm start: the transfer of weights from an earlier model, and how they are trained."""

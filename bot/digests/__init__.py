"""Digests: what a channel is told by itself, when, and what changed since. No input or output here."""

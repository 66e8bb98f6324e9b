"""The kinds of run: a question is answered, a scan kept for digests, a digest posted."""

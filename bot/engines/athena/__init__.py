"""Athena over the log files of a trail: for whoever has a trail, and for more than one machine can read."""

"""Answers and digests on their way into Slack: each part once, within its limits."""

"""The whole bot in a small Slack of its own, and what it has behind it there: `tls-audit demo`."""

"""Values → Block Kit, with Slack's limits as named constants."""

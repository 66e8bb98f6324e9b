"""Slack's side of the bot. Handlers translate and call; they decide nothing."""

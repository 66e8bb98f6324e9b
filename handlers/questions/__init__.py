"""Questions in Slack: the command, mentions, messages, the form, buttons."""

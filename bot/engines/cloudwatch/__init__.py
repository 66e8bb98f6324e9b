"""AWS CloudWatch Logs: a trail's log groups, asked in the Logs Insights language."""

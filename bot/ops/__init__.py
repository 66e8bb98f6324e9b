"""For whoever runs the bot: JSON logs, metrics, health."""

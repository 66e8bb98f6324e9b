"""The terminal: a file a command."""

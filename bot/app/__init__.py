"""What a person can do. Every surface calls this and nothing below it."""

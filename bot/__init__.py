"""TLS Audit: which clients still call AWS with old TLS. Nothing here but app.py and cli.py knows Slack."""

"""Digests in Slack: /tls-digest, its forms and its buttons."""

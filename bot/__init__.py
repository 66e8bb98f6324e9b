"""TLS Audit: which clients still call AWS with old TLS. Only bootstrap.py and cli/ start a surface."""

"""TLS Audit: which clients still call AWS with old TLS. `bootstrap`, `demo`, `cli` alone start surfaces."""

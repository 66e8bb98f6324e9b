"""Does in the background what was promised: it leases runs, carries them as far as they go, and ends them."""

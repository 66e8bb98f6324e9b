"""What a table means, in words. Nothing here does input or output."""

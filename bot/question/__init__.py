"""Words → Question → SELECT. Nothing here does input or output but the loader of views."""

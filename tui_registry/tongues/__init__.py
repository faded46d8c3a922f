"""Foreign formats that this registry writes, one module a format, named with its version; `importers` read them."""

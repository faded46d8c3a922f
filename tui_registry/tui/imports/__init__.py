"""Import: from a file, a folder or an address to drafts and records."""

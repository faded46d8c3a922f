"""A query answered: compiled, matched, put in order, counted by facets."""

"""What went out as a release: its wheel, and a replica that it made. Later versions are tried against both."""

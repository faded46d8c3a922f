"""Settings: colours, names, where everything is kept."""

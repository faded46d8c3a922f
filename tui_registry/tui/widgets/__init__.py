"""Widgets: what a screen is made of. They know rows, entries and text, and no Datastore."""

"""Screens: they ask the Datastore in thread workers and hand what comes back to their widgets."""

"""The form: registering and editing models and agents, and the drafts of it."""

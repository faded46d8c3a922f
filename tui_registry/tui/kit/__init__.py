"""What every screen is made of: the frame, dialogs, lists, and the registry of actions."""

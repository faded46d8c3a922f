"""History: the operations of this replica, and records that were deleted."""

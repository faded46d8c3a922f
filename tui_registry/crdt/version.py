"""The version of the validity rules."""

# Remembered rejections fall when this number changes.
RULES_VERSION = 1

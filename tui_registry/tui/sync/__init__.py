"""Sync: peers, the pulls that run, and what was refused."""

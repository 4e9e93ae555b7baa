"""Keeping a credential fresh, and signing requests with it."""

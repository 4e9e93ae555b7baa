"""Calls to metadata and auth services, and the credentials made from their responses."""

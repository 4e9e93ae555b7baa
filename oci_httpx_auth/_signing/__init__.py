"""How one credential is kept usable and put on a request."""

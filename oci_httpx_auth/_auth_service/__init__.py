"""How metadata and auth services are asked, and how their answers become credentials."""

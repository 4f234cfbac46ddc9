"""The embedded PostgreSQL of the demo and of the tests. Production loads none of it."""

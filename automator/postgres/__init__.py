"""The embedded PostgreSQL server of the demo and the tests.

Production does not import this package, which needs Linux.
"""

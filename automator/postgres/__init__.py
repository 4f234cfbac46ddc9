"""The embedded PostgreSQL server of the demo and the tests.

The server in production does not import this package, which works on Linux only.
"""

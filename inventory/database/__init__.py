"""Django's backend for PostgreSQL, with connections that keep to a deadline.

A package with a module `base` is what Django's setting ENGINE asks for.
"""

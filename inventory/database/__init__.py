"""Django's database backend for PostgreSQL, with connections that observe a deadline.

Django's setting ENGINE names a package like this one, which has a module `base`.
"""

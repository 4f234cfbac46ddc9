"""`manage.py bench`: measures the project beside other ways to write the same service.

Only the command imports this package, and the contestants run in processes of their own. The
service in production never loads it.
"""

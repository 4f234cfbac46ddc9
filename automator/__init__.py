"""The project: settings, the API's shared parts, the admin site, documentation and commands.

It is the top layer and may import `invoices`, `holds` and `inventory`, which never import it.
"""

"""The inventory of brokers: events, ticket groups, the ledger, and the files that list them.

This is the lowest layer. It therefore also has what every app needs: the short transaction, the
deadline of a request, the database backend, and the base of the admin's pages.
"""

"""What all calls under /api share: authentication, throttling, parsing, errors, the schema.

The views themselves are in `holds.views` and `invoices.views`, which do not import this package:
the settings and the view attributes connect them.
"""

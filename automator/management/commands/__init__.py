"""Commands for the demo, API keys, audits, imports and exports, and a patient `migrate`.

`expire_holds` is in `holds` and `create_broker` in `inventory`.
"""

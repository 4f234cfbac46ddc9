"""The data of the demo: a broker's tickets, holds and sales, and the credentials to try it.

The command that serves the demo is `automator/management/commands/demo.py`.
"""

"""Reads and writes a broker's book: the CSV files that point-of-sale systems exchange.

The package turns bytes into checked rows and problems, and rows back into text. It does not use the
database.
"""

from inventory.book.formats import FORMATS
from inventory.book.formulas import defused
from inventory.book.reader import Book, open_book
from inventory.book.rows import Problem, RefusedRow, Row
from inventory.book.text_lines import BookError
from inventory.book.writer import WRITTEN, write_book

__all__ = [
    "FORMATS",
    "WRITTEN",
    "Book",
    "BookError",
    "Problem",
    "RefusedRow",
    "Row",
    "defused",
    "open_book",
    "write_book",
]

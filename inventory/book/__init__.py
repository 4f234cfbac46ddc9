"""A broker's book: the CSV files that point-of-sale systems write, read row by row and written.

Bytes in, checked rows and problems out, and back; no database. The shapes are FIELD sections 2.5, 5
and 6.
"""

from inventory.book.formats import FORMATS
from inventory.book.formulas import defused
from inventory.book.lines import BookError
from inventory.book.reader import Book, open_book
from inventory.book.rows import Problem, RefusedRow, Row
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

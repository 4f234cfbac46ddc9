"""Every way in which one row of a book is wrong, and what is said of it."""

from collections.abc import Callable
from typing import NamedTuple


class Spoilt(NamedTuple):
    """Cells of a row, the fact that is complained of, what is said, and which row it is."""

    cells: dict[str, str]
    fact: str
    said: str
    at: int = 1


AMOUNT = "must be an amount such as 1600.00 or $1,600.00"
DATE = "must be a date: mm/dd/yyyy or yyyy-mm-dd, or TBA"
DAY = "must be a day of the calendar: mm/dd/yyyy or yyyy-mm-dd"
TIME = "must be a time such as 6:05PM or 18:05, with no time zone, or TBA"
QUANTITY = "must be a whole number from 1 to 100,000"
REMOTE_ID = "must be 1 to 128 printable ASCII characters with no space and no slash"
LONG = "must be at most {} characters, and has {}"
EXAMPLE = f"must not be empty: {AMOUNT.removeprefix('must be ')}"


def one(fact: str, cell: str, said: str, **others: str) -> Spoilt:
    return Spoilt({fact: cell, **others}, fact, said)


# The first row has seats 18 and 19. What a book has no column for cannot be spoilt in it.
IN_A_ROW = {
    "no remote id": one("remote_id", "", REMOTE_ID),
    "remote id with a space": one("remote_id", "600 100", REMOTE_ID),
    "remote id with a slash": one("remote_id", "600/100", REMOTE_ID),
    "remote id in other letters": one("remote_id", "№600", REMOTE_ID),
    "remote id twice": Spoilt(
        {"remote_id": "600100000"}, "remote_id", "is in line 2 already", at=2
    ),
    "rounded remote id": one(
        *("remote_id", "6.001E+08"),
        "was rounded by a spreadsheet: format the column as text before the file is saved",
    ),
    "no event": one("event", "", "must not be empty"),
    "long event": one("event", "e" * 301, LONG.format(300, 301)),
    "no venue": one("venue", "NULL", "must not be empty"),
    "no section": one("section", "", "must not be empty"),
    "control character": one("section", "1\x0712", "must not contain control characters"),
    "no row": one("row", "", "must not be empty"),
    "long row": one("row", "r" * 101, LONG.format(100, 101)),
    "no date": one("day", "", "must not be empty: mm/dd/yyyy, or TBA"),
    "date in words": one("date", "next Friday", DATE),
    "date that does not exist": one("date", "02/30/2027", DAY),
    "day and month exchanged": one("date", "27/02/2027", DAY),
    "date far ahead": one("date", "12/24/2037", "must not be more than 10 years ahead"),
    "time that is none": one("time", "25:00", TIME),
    "time in words": one("time", "evening", TIME),
    "time beside the date that is none": one("moment", "2027-02-27T24:30:00", TIME),
    "time with a zone": one("moment", "2027-02-27T19:30:00Z", TIME),
    "no quantity": one("quantity", "", QUANTITY),
    "quantity in words": one("quantity", "two", QUANTITY),
    "quantity 0": one("quantity", "0", QUANTITY),
    "negative quantity": one("quantity", "-2", QUANTITY),
    "fraction of a ticket": one("quantity", "1.5", QUANTITY),
    "enormous quantity": one("quantity", "100001", QUANTITY),
    "more tickets than seats": Spoilt(
        {"quantity": "4"}, "last", "makes 2 seats, but the quantity is 4"
    ),
    "more tickets than seats in the list": Spoilt(
        {"quantity": "4", "seats": "18,19"}, "seats", "makes 2 seats, but the quantity is 4"
    ),
    "seat twice": one("seats", "18,18", "lists seat 18 twice"),
    "seat twice, once with a zero": one("seats", "18,018", "lists seat 18 twice"),
    "long seat": one(
        *("seats", f"1,{'9' * 17}"),
        "must be a list of seats such as 7,8, each of up to 16 characters",
    ),
    "seats backwards": one("last", "4", "must be above the first seat, 18"),
    "no first seat": Spoilt({"first": ""}, "first", "is missing, while the last seat is given"),
    "no last seat": one("last", "", "is missing, while the quantity is 2"),
    "seats of two kinds": one(
        "last", "B19", "must be a number behind the letters of the first seat, 18"
    ),
    "no price": one("price", "", EXAMPLE),
    "price in words": one("price", "call us", AMOUNT),
    "negative price": one("price", "-40.00", "must not be negative"),
    "price in brackets": one("price", "(40.00)", "must not be negative"),
    "price of another currency": one("price", "€40.00", AMOUNT),
    "price that could be two": one(
        *("price", "1.600"), "could be 1600 or 1.60: write two decimals, such as 1600.00"
    ),
    "enormous price": one("price", "1000000.01", "must be at most 1,000,000"),
    "cost in words": one("cost", "unknown", AMOUNT),
    "negative face value": one("face", "-1", "must not be negative"),
    "unknown split rule": one(
        "split", "SOMETIMES", "must be ANY, NONE, NEVERLEAVEONE, PAIRS, CUSTOM or DEFAULT"
    ),
    "custom split without its list": one(
        *("sizes", "", "must list the quantities of the custom split, such as 2,4"),
        split="CUSTOM",
    ),
    "custom split of none": one(
        "sizes", "2,0", "must be a list of quantities such as 2,4", split="CUSTOM"
    ),
    "unknown stock type": one(
        *("stock", "PIGEON"),
        "must be one of ELECTRONIC, HARD, MOBILE_TRANSFER, MOBILE_SCREENCAP, PAPERLESS, "
        "PAPERLESS_CARD, FLASH, or empty",
    ),
    "in hand or not": one("in_hand", "soon", "must be Y or N"),
    "not in hand, and never": one("in_hand", "N", "is N, so an in-hand date is needed", due=""),
    "in-hand date in words": one("due", "soon", DATE),
    "long notes": one("notes", "n" * 1001, LONG.format(1000, 1001)),
}
# What is done to the line of a row.
IN_A_LINE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cell too many": (
        lambda line: line[:-1] + b",more\n",
        (
            "has {more} cells, and the header has {width}. They are divided by commas: "
            "is one in a cell with no quotes around it?"
        ),
    ),
    "cells too few": (
        lambda _: b"Hamilton,Broadway,2\n",
        "has 3 cells, and the header has {width}",
    ),
    "quote in a quoted cell": (
        lambda line: b'"The "best" seats",' + line.partition(b",")[2],
        "has a quote in the middle of a quoted cell: write two for one",
    ),
}

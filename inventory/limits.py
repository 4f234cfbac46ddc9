"""The largest values that the inventory accepts, and the form of ids.

Each bound is defined here once. Forms, the reader of brokers' files, API calls and database
constraints all use these definitions.
"""

from decimal import Decimal

# The greatest length of a remote id, a global id and an order id, in characters.
ID_LENGTH = 128
# The form of such an id: printable ASCII characters with no space and no slash.
ID_PATTERN = rf"^[!-.0-~]{{1,{ID_LENGTH}}}$"
# The same form for a database column. The column limits the length itself; checking it in the
# expression as well would cost ten times as much.
ID_CHARACTERS = r"^[!-.0-~]+$"
ID_MEANING = f"1 to {ID_LENGTH} printable ASCII characters with no space and no slash"

# The most tickets in one ticket group. A larger number is a slip, or belongs in another column.
MOST_TICKETS = 100_000
# The most numbered seats in one ticket group. The longest rows of stadiums have some 60 seats.
MOST_SEATS = 1_000
# The greatest length of a seat label, in characters.
SEAT_LENGTH = 16
# The highest price, cost or face value of one ticket, in the broker's currency.
HIGHEST_PRICE = Decimal(1_000_000)
# The greatest length of a note, in characters.
NOTE_LENGTH = 1_000
# The greatest length of the name of an event or a venue, in characters.
NAME_LENGTH = 300
# The greatest length of a section and of a row, in characters.
PLACE_LENGTH = 100

# The longest time that a broker's holds may last, in seconds: one day.
LONGEST_HOLD_LIFETIME = 86_400

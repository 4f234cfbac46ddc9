"""The largest values that the inventory takes, and the form of ids: each bound stands here once.

Forms, the reader of brokers' files, the calls and the database's constraints all use these.
"""

from decimal import Decimal

# Characters of a remote id, a global id and an order id.
ID_LENGTH = 128
# The form of such an id: printable ASCII characters with no space and no slash.
ID_PATTERN = rf"^[!-.0-~]{{1,{ID_LENGTH}}}$"
# The same for a database column, which limits the length itself: to check the length in the
# expression as well would cost ten times as much.
ID_CHARACTERS = r"^[!-.0-~]+$"
ID_MEANING = f"1 to {ID_LENGTH} printable ASCII characters with no space and no slash"

# Tickets of one ticket group. A larger number is a slip, or belongs to another column.
MOST_TICKETS = 100_000
# Numbered seats of one ticket group. The longest row of a stadium has some 60 seats.
MOST_SEATS = 1_000
# Characters of a seat label.
SEAT_LENGTH = 16
# The highest price, cost or face value of one ticket, in the broker's currency.
HIGHEST_PRICE = Decimal(1_000_000)
# Characters of a note.
NOTE_LENGTH = 1_000

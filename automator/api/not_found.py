"""The JSON answer for any path under /api that does not belong to a call."""

from typing import NoReturn

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


class UnknownPath(APIView):
    """Answers 404 to every method and does not require a key."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        """Refuse the call before its method is looked at.

        Raises:
            NotFound: always.
        """
        raise NotFound

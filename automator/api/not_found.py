"""What is not there, said in JSON: any path under /api that no call has."""

from typing import NoReturn

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


class UnknownPath(APIView):
    """404 for every method, without asking for a key."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        raise NotFound

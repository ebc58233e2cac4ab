"""A request and what follows it, one after the other: most events are one request."""

from deliverer.answers import Answer, Delivered
from deliverer.ports import Sends
from deliverer.requests import Request


async def send_all(sends: Sends, request: Request) -> Answer:
    """The first answer that is not Delivered, or the last. Tried again, all of them are sent again."""
    answer = await sends.send(request)
    while isinstance(answer, Delivered) and request.following is not None:
        request = request.following
        answer = await sends.send(request)
    return answer

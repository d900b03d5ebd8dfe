"""The operation that tells a client who it is."""

from ninja import Router

from accounts.auth import KeyCaller
from accounts.schemas import KeyOut, MeOut
from api.requests import ApiRequest

router = Router(tags=["account"])


class KeyRequest(ApiRequest):
    """A request sent with an API key."""

    auth: KeyCaller


@router.get("", response=MeOut, summary="Get the caller")
def get_me(request: KeyRequest) -> MeOut:
    """The user and the key that the request is made with; a way to try a key."""
    caller = request.auth
    return MeOut(username=caller.username, key=KeyOut.model_validate(caller, from_attributes=True))

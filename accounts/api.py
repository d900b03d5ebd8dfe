"""The operation that returns the calling user and API key."""

from ninja import Router

from accounts.auth import KeyCaller
from accounts.schemas import KeyOut, MeOut
from api.requests import ApiRequest

router = Router(tags=["account"])


class KeyRequest(ApiRequest):
    """A request that was authenticated with an API key."""

    auth: KeyCaller


@router.get("", response=MeOut, summary="Get the current user")
def get_me(request: KeyRequest) -> MeOut:
    """Returns the user and the API key that sent the request. Use it to test a key."""
    caller = request.auth
    return MeOut(username=caller.username, key=KeyOut.model_validate(caller, from_attributes=True))

"""Schemas of the calling user and API key."""

from pydantic import Field

from api.inputs import Time
from api.schemas import Out


class KeyOut(Out):
    """The API key that sent the request."""

    name: str = Field(examples=["laptop"])
    prefix: str = Field(description="The first 11 characters of the key.", examples=["gf_Zk3x9QaB"])
    read_only: bool = Field(description="Whether the key can only read.")
    created_at: Time
    expires_at: Time | None = Field(description="When the key stops working; null if it does not expire.")


class MeOut(Out):
    """The calling user and API key."""

    username: str = Field(examples=["ada"])
    key: KeyOut

"""What the API says of whoever is calling."""

from pydantic import Field

from api.inputs import Time
from api.schemas import Out


class KeyOut(Out):
    """The key that the request was sent with."""

    name: str = Field(examples=["laptop"])
    prefix: str = Field(description="The first 11 characters of the key.", examples=["gf_Zk3x9QaB"])
    read_only: bool
    created_at: Time
    expires_at: Time | None


class MeOut(Out):
    """Who is calling."""

    username: str = Field(examples=["ada"])
    key: KeyOut

"""The API's table of contents, with one line per resource."""

from django.conf import settings

from accounts.api import router as me
from accounts.auth import ApiKeyAuth
from api.contract import ContractAPI
from simulations.api import router as simulations

api = ContractAPI(
    title="Goatfish",
    version=settings.VERSION,
    description="A registry of simulations. Each has a name, a start and end date, and an owner.",
    urls_namespace="api",
    auth=ApiKeyAuth(),
    servers=[{"url": "/", "description": "This instance"}],
    openapi_extra={"info": {"license": {"name": "MIT", "identifier": "MIT"}}},
)
api.add_router("/simulations", simulations)
api.add_router("/me", me)

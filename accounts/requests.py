"""The request type of pages that require a signed-in user."""

from django.http import HttpRequest

from accounts.models import User


class SignedInRequest(HttpRequest):
    """A request to a view that is decorated with `login_required`."""

    user: User

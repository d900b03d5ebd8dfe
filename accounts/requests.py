"""What a page knows of who asks for it."""

from django.http import HttpRequest

from accounts.models import User


class SignedInRequest(HttpRequest):
    """A request that a view behind `login_required` sees."""

    user: User

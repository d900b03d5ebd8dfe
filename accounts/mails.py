"""Emails to users, other than the password reset link."""

import logging
from smtplib import SMTPException

from accounts.models import User

logger = logging.getLogger(__name__)

CHANGED = """The password of your Goatfish account "{username}" was just changed.

If you did not change it, reset your password from the sign-in page, then review your API keys.
"""


def tell_of_password(user: User) -> None:
    """Email the user that the password was changed, if there is an address. Failures are logged."""
    if not user.email:
        return
    try:
        user.email_user("Your password was changed", CHANGED.format(username=user.get_username()))
    except (SMTPException, OSError):
        logger.exception("Could not email user %s about the password change", user.pk)

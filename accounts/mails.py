"""What users are told by mail, beside the link to reset a password."""

import logging
from smtplib import SMTPException

from accounts.models import User

logger = logging.getLogger(__name__)

CHANGED = """The password of "{username}" was changed just now.

If it was not you, reset it on the page to sign in, and look at your keys.
"""


def tell_of_password(user: User) -> None:
    """Tell a user, who may have no address, that the password was changed; a failure to is only logged."""
    if not user.email:
        return
    try:
        user.email_user("Your password was changed", CHANGED.format(username=user.get_username()))
    except (SMTPException, OSError):
        logger.exception("user %s could not be told of the new password", user.pk)

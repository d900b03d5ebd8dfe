"""Forms for accounts and API keys."""

from collections.abc import Iterable
from datetime import timedelta

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, UserCreationForm, UsernameField

from accounts.keys import digest_of
from accounts.models import ApiKey, User
from api.limits import count

MAILS_AN_HOUR = 3


class SignInForm(AuthenticationForm):
    """Rejects usernames over 150 characters, which django-axes could not store as a failed attempt."""

    username = UsernameField(max_length=150, widget=forms.TextInput(attrs={"autofocus": True}))


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """Creates a user. The email address is optional, but a password reset requires it."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")
        help_texts = {"email": "Optional. Required to reset a forgotten password."}


class ForgottenPasswordForm(PasswordResetForm):
    """Sends a password reset link."""

    def get_users(self, email: str) -> Iterable[User]:
        """Return the matching users, or none once the hourly limit for this address is reached."""
        mails, _ = count(f"mail:{digest_of(email.lower()).hex()}", 3600)
        return [] if mails > MAILS_AN_HOUR else super().get_users(email)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Creates an API key."""

    class Meta:
        model = ApiKey
        fields = ["name", "read_only", "expires_at"]
        widgets = {"expires_at": forms.DateTimeInput(attrs={"type": "datetime-local"})}


class RenameKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Renames an API key."""

    class Meta:
        model = ApiKey
        fields = ["name"]


class RotateKeyForm(forms.Form):
    """Sets how long the old API key keeps working after the rotation."""

    GRACES = {0: "revoke immediately", 1: "for 1 day", **{days: f"for {days} days" for days in range(2, 8)}}

    grace = forms.TypedChoiceField(
        label="Keep the old key working",
        choices=list(GRACES.items()),
        coerce=lambda days: timedelta(days=int(days)),
        initial=1,
    )

"""What people type in about themselves and their keys."""

from collections.abc import Iterable
from datetime import timedelta

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, UserCreationForm, UsernameField

from accounts.keys import digest_of
from accounts.models import ApiKey, User
from api.limits import count

MAILS_AN_HOUR = 3


class SignInForm(AuthenticationForm):
    """Refuses a username too long to be one: it would be too long to be noted as a failure, too."""

    username = UsernameField(max_length=150, widget=forms.TextInput(attrs={"autofocus": True}))


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """A new user; without an e-mail address a forgotten password cannot be reset."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")
        help_texts = {"email": "To reset a forgotten password; may stay empty."}


class ForgottenPasswordForm(PasswordResetForm):
    """Where to send the link."""

    def get_users(self, email: str) -> Iterable[User]:
        """Return whom to write to: nobody, where others had their fun with that address within the hour."""
        window = count(f"mail:{digest_of(email.lower()).hex()}", MAILS_AN_HOUR, 3600)
        return [] if window and window.used > window.quota else super().get_users(email)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new key is for, and how long."""

    class Meta:
        model = ApiKey
        fields = ["name", "read_only", "expires_at"]
        widgets = {"expires_at": forms.DateTimeInput(attrs={"type": "datetime-local"})}


class RenameKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a key is for."""

    class Meta:
        model = ApiKey
        fields = ["name"]


class RotateKeyForm(forms.Form):
    """How long the old key stays valid beside the new one."""

    GRACES = {0: "not at all", 1: "for 1 day", **{days: f"for {days} days" for days in range(2, 8)}}

    grace = forms.TypedChoiceField(
        label="The old key stays valid",
        choices=list(GRACES.items()),
        coerce=lambda days: timedelta(days=int(days)),
        initial=1,
    )

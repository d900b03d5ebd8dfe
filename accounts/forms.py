"""What people type in about themselves and their keys."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm, UsernameField

from accounts.models import User


class SignInForm(AuthenticationForm):
    """Refuses a username too long to be one: it would be too long to be noted as a failure, too."""

    username = UsernameField(max_length=150, widget=forms.TextInput(attrs={"autofocus": True}))


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """A new user; without an e-mail address a forgotten password cannot be reset."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")
        help_texts = {"email": "To reset a forgotten password; may stay empty."}

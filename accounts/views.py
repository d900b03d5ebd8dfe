"""Pages to sign up, sign in, and change or reset a password."""

import math
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import login, views
from django.contrib.messages.views import SuccessMessageMixin
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from accounts.forms import ForgottenPasswordForm, SignInForm, SignUpForm
from accounts.mails import tell_of_password
from accounts.models import User
from api.limits import spend_address
from api.problems.problem import Problem


def too_many(request: HttpRequest) -> HttpResponse | None:
    """Count a request against the client address. Return an error page above RATE_LIMIT_ANONYMOUS.

    django-axes counts failures per username. This stops a client that tries one password on many usernames.
    """
    try:
        spend_address(request)
    except Problem as problem:
        return wait(request, "Too many attempts from your IP address.", int(problem.headers["Retry-After"]))
    return None


class Counted:
    """A view that limits POST requests per client address, whether they succeed or fail."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Reject requests above the limit, before the password is checked."""
        response: HttpResponse = too_many(request) or super().post(request, *args, **kwargs)  # type: ignore[misc]
        return response


class SignIn(Counted, views.LoginView):
    """Signs users in, for the pages and the admin."""

    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether sign-up is open."""
        return super().get_context_data(sign_up=settings.SIGNUP == "open", **kwargs)


@sensitive_post_parameters()
def sign_up(request: HttpRequest) -> HttpResponse:
    """Create an account and sign in if SIGNUP=open. Otherwise the page is a 404."""
    if settings.SIGNUP != "open":
        raise Http404
    refusal = too_many(request) if request.method == "POST" else None
    if refusal:
        return refusal
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        try:
            with transaction.atomic():
                user = form.save()
        except IntegrityError:  # a double click: the first request created the user meanwhile
            form.add_error("username", User._meta.get_field("username").error_messages["unique"])
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/form.html", {"form": form, "title": "Sign up", "submit": "Sign up"})


class ChangePassword(SuccessMessageMixin, views.PasswordChangeView):  # type: ignore[type-arg]
    """Changes the password and ends the user's other sessions."""

    template_name = "accounts/form.html"
    extra_context = {"title": "Change password", "submit": "Change password"}
    success_url = reverse_lazy("home")
    success_message = "Your password was changed."

    def form_valid(self, form: Any) -> HttpResponse:
        """Change the password and notify the user by email."""
        response = super().form_valid(form)
        tell_of_password(form.user)
        return response


class ForgottenPassword(Counted, SuccessMessageMixin, views.PasswordResetView):  # type: ignore[type-arg]
    """Emails a reset link. The response does not reveal whether the account exists."""

    form_class = ForgottenPasswordForm
    template_name = "accounts/form.html"
    extra_context = {"title": "Reset your password", "submit": "Send reset link"}
    success_url = reverse_lazy("login")
    success_message = "If an account with this email address exists, we have sent it a reset link."


class ResetPassword(SuccessMessageMixin, views.PasswordResetConfirmView):  # type: ignore[type-arg]
    """Sets a new password for the user of the reset link."""

    success_url = reverse_lazy("login")
    success_message = "Your password was set. You can now sign in."

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password and notify the user by email."""
        response = super().form_valid(form)
        tell_of_password(form.user)
        return response


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any]) -> HttpResponse:
    """Render the page for a username with too many failed attempts. django-axes calls this."""
    failures = AccessAttempt.objects.filter(
        username=credentials["username"],
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
    )
    last = failures.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    left = max(last + settings.AXES_COOLOFF_TIME - timezone.now(), timedelta(seconds=1))
    reason = "Too many failed sign-in attempts for this username."
    return wait(request, reason, math.ceil(left.total_seconds()))


def wait(request: HttpRequest, reason: str, seconds: int) -> HttpResponse:
    """Render the page that says when to try again."""
    context = {"reason": reason, "minutes": math.ceil(seconds / 60)}
    page = render(request, "accounts/locked_out.html", context, status=429)
    page["Retry-After"] = str(seconds)
    return page

"""The pages with which people sign up, sign in and look after their password."""

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
    """Count what an address tries without a session; past RATE_LIMIT_ANONYMOUS, return a page that says so.

    django-axes counts failures for one name; whoever tries a common password with many names meets this.
    """
    try:
        spend_address(request)
    except Problem as problem:
        return wait(request, "Too much was tried from here.", int(problem.headers["Retry-After"]))
    return None


class Counted:
    """A view whose posts are counted for each address, right or wrong."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Refuse the address that tries too often, before a password is even looked at."""
        response: HttpResponse = too_many(request) or super().post(request, *args, **kwargs)  # type: ignore[misc]
        return response


class SignIn(Counted, views.LoginView):
    """Signs in, for the pages and the admin alike."""

    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Offer to sign up where that is open."""
        return super().get_context_data(sign_up=settings.SIGNUP == "open", **kwargs)


@sensitive_post_parameters()
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account and sign in, where SIGNUP=open; elsewhere there is no such page."""
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
        except IntegrityError:  # a second click on the button, while the password of the first was hashed
            form.add_error("username", User._meta.get_field("username").error_messages["unique"])
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/form.html", {"form": form, "title": "Sign up", "submit": "Sign up"})


class ChangePassword(SuccessMessageMixin, views.PasswordChangeView):  # type: ignore[type-arg]
    """Changes the password; other sessions of the user end."""

    template_name = "accounts/form.html"
    extra_context = {"title": "Change the password", "submit": "Change the password"}
    success_url = reverse_lazy("home")
    success_message = "The password was changed."

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it, and tell the user by mail."""
        response = super().form_valid(form)
        tell_of_password(form.user)
        return response


class ForgottenPassword(Counted, SuccessMessageMixin, views.PasswordResetView):  # type: ignore[type-arg]
    """Sends a link; the answer does not tell whether there is such an account."""

    form_class = ForgottenPasswordForm
    template_name = "accounts/form.html"
    extra_context = {"title": "Reset a forgotten password", "submit": "Send the link"}
    success_url = reverse_lazy("login")
    success_message = "If there is an account with that address, a link is on its way to it."


class ResetPassword(SuccessMessageMixin, views.PasswordResetConfirmView):  # type: ignore[type-arg]
    """Sets a new password for whoever has the link."""

    success_url = reverse_lazy("login")
    success_message = "The password was set. Sign in with it."

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it, and tell the user by mail."""
        response = super().form_valid(form)
        tell_of_password(form.user)
        return response


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any]) -> HttpResponse:
    """Answer whoever failed to sign in too often (django-axes calls it): when to try again."""
    failures = AccessAttempt.objects.filter(
        username=credentials["username"],
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
    )
    last = failures.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    left = max(last + settings.AXES_COOLOFF_TIME - timezone.now(), timedelta(seconds=1))
    reason = "Signing in with this name failed too often from here."
    return wait(request, reason, math.ceil(left.total_seconds()))


def wait(request: HttpRequest, reason: str, seconds: int) -> HttpResponse:
    """Answer with the page that says when to try again."""
    context = {"reason": reason, "minutes": math.ceil(seconds / 60)}
    page = render(request, "accounts/locked_out.html", context, status=429)
    page["Retry-After"] = str(seconds)
    return page

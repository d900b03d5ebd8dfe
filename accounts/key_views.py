"""Pages where users manage their own API keys."""

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from accounts.audit import record as note
from accounts.forms import KeyForm, RenameKeyForm, RotateKeyForm
from accounts.models import ApiKey, ApiKeyQuerySet
from accounts.requests import SignedInRequest

KEYS_ON_A_PAGE = 50
CLOSED_KEYS = 20


@login_required
def key_list(request: SignedInRequest) -> HttpResponse:
    """List the active API keys, with pagination, and those that were recently revoked or expired."""
    page = Paginator(keys(request).valid().marked(), KEYS_ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "keys/list.html", {"page": page, "closed": keys(request).closed()[:CLOSED_KEYS]})


@never_cache
@login_required
def new_key(request: SignedInRequest) -> HttpResponse:
    """Create an API key. Only the response to the POST, which is never cached, shows the key."""
    form = KeyForm(request.POST or None)
    if not form.is_valid():
        context = {"form": form, "title": "Create an API key", "submit": "Create API key"}
        return render(request, "accounts/form.html", context)
    with transaction.atomic():
        record, key = ApiKey.issue(request.user, **form.cleaned_data)
        note(request.user, record, ADDITION, "Added")
        return render(request, "keys/issued.html", {"record": record, "key": key})


@login_required
def key_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show and rename an API key."""
    record = get_object_or_404(keys(request).marked(), pk=pk)
    form = RenameKeyForm(request.POST or None, instance=record)
    if not form.is_valid():
        return show(request, record, form, RotateKeyForm())
    with transaction.atomic():
        keys(request).filter(pk=pk).update(**form.cleaned_data)
        note(request.user, record, CHANGE, "Changed name")
    messages.success(request, "The key was renamed.")
    return redirect("key", pk)


@never_cache
@login_required
@transaction.atomic
def rotate_key(request: SignedInRequest, pk: int) -> HttpResponse:
    """Replace an active API key with a new one. Only the response to the POST shows the new key."""
    if request.method != "POST":  # the sign-in page redirects here with GET
        return redirect("key", pk)
    record = get_object_or_404(keys(request).valid().marked().select_for_update(of=("self",)), pk=pk)
    form = RotateKeyForm(request.POST)
    if not form.is_valid():
        return show(request, record, RenameKeyForm(instance=record), form)
    new, key = record.rotate(form.cleaned_data["grace"])
    note(request.user, record, CHANGE, f"Rotated to {new.prefix}")
    note(request.user, new, ADDITION, "Added")
    return render(request, "keys/issued.html", {"record": new, "key": key, "old": record})


@login_required
def revoke_key(request: SignedInRequest, pk: int) -> HttpResponse:
    """Revoke an API key with immediate effect."""
    if request.method != "POST":
        return redirect("key", pk)
    record = get_object_or_404(keys(request), pk=pk)
    with transaction.atomic():
        if keys(request).filter(pk=pk).revoke():
            note(request.user, record, CHANGE, "Revoked")
    messages.success(request, f"The key {record} was revoked.")
    return redirect("keys")


def keys(request: SignedInRequest) -> ApiKeyQuerySet:
    """Return the signed-in user's API keys."""
    return ApiKey.objects.owned_by(request.user)


def show(
    request: SignedInRequest, record: ApiKey, rename: RenameKeyForm, rotate: RotateKeyForm
) -> HttpResponse:
    """Render the page of an API key, with the forms that rename and rotate it."""
    return render(request, "keys/detail.html", {"record": record, "form": rename, "rotate": rotate})

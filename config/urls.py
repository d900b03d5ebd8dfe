"""URLs of the service. Middleware serves `/healthz`, `/readyz` and `/metrics`."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from api.problems.views import problem_page, problem_pages
from config.api import api

handler400 = "api.problems.views.bad_request"
handler403 = "api.problems.views.permission_denied"
handler404 = "api.problems.views.not_found"
handler500 = "api.problems.views.server_error"

urlpatterns = [
    path("api/", api.urls),  # first, because Django tries the patterns in order
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("", include("accounts.urls")),
    # All sign-ins share one page, and its protection against guessing.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("simulations/", include("simulations.urls")),
    path("problems", problem_pages, name="problems"),
    path("problems/<slug:slug>", problem_page, name="problem"),
]

"""URLs of the pages for accounts and API keys."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import key_views, views

urlpatterns = [
    path("accounts/login/", views.SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/sign-up/", views.sign_up, name="sign_up"),
    path("accounts/password/", views.ChangePassword.as_view(), name="password_change"),
    path("accounts/password/forgotten/", views.ForgottenPassword.as_view(), name="password_reset"),
    path(
        "accounts/password/reset/<uidb64>/<token>/",
        views.ResetPassword.as_view(),
        name="password_reset_confirm",
    ),
    path("keys/", key_views.key_list, name="keys"),
    path("keys/new/", key_views.new_key, name="new_key"),
    path("keys/<int:pk>/", key_views.key_page, name="key"),
    path("keys/<int:pk>/rotate/", key_views.rotate_key, name="rotate_key"),
    path("keys/<int:pk>/revoke/", key_views.revoke_key, name="revoke_key"),
]

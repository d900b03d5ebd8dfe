"""The addresses of the pages about accounts."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views

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
]

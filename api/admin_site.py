"""The admin as a whole."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig as StockAdminConfig


class GoatfishAdminSite(AdminSite):
    """The admin, under the service's name."""

    site_header = site_title = "Goatfish"


class AdminConfig(StockAdminConfig):
    """Django's own app, with this site."""

    default_site = "api.admin_site.GoatfishAdminSite"

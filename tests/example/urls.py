from django.urls import path

from config import urls
from tests.example.api import api

handler400, handler403, handler404, handler500 = (
    urls.handler400,
    urls.handler403,
    urls.handler404,
    urls.handler500,
)
urlpatterns = [path("api/", api.urls), *urls.urlpatterns[1:]]

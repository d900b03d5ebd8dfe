"""URLs of the simulation pages."""

from django.urls import path

from simulations import timeline, uploads, views

app_name = "simulations"
urlpatterns = [
    path("", views.show_list, name="list"),
    path("timeline/", timeline.show_timeline, name="timeline"),
    path("upload/", uploads.upload, name="upload"),
    path("upload/confirm/", uploads.confirm, name="confirm"),
    path("download/", views.download, name="download"),
    path("create/", views.create, name="create"),
    path("<str:id>/", views.detail, name="detail"),
    path("<str:id>/edit/", views.edit, name="edit"),
    path("<str:id>/delete/", views.delete, name="delete"),
]

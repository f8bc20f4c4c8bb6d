"""allauth's own pages, and the cheapest page that asks for a session."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path


@login_required
def session(_request):
    return HttpResponse(status=204)


urlpatterns = [path("accounts/", include("allauth.urls")), path("session", session)]

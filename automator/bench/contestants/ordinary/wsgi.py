"""The WSGI application of the ordinary DRF contestant."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "automator.bench.contestants.ordinary.settings"
application = get_wsgi_application()

"""The URLs of the ordinary DRF contestant."""

from rest_framework.routers import SimpleRouter

from automator.bench.contestants.ordinary.views import HoldViewSet, InvoiceViewSet

router = SimpleRouter(trailing_slash=False)
router.register("api/v1/holds", HoldViewSet, basename="hold")
router.register("api/v1/invoices", InvoiceViewSet)
urlpatterns = router.urls

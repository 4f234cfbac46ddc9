"""The ordinary DRF way: a ModelViewSet, ModelSerializers and the ORM, with persistent connections."""

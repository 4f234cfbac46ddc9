"""The ordinary DRF way: ModelViewSets, ModelSerializers and the ORM, persistent connections."""

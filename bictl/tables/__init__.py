"""A source table's whole way through the layers, written from what its topic says of itself."""

"""A whole asynchronous network as one Lava Process."""

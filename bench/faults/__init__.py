"""Tools that break things on purpose, and judge what came of it; nothing in the product knows of them."""

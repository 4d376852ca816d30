"""The desk's pages, one module each with a `router`; `app` lists them."""

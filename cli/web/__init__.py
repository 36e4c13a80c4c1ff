"""The page: a machine's history in a browser. Starlette, Uvicorn and Jinja2 are used only here."""

"""The dashboard: views (pure), a server, a static site. Loaded by its commands alone."""

"""How text leaves the process: escaped, never waiting for a slow terminal or pipe."""

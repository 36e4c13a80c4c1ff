"""What runs beside a central store until it is stopped."""

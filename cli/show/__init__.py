"""What users see: formats, the table, notes about gaps, replay timing."""

"""What the page asks: events page by page, families, and counts over time and by value. Each
question reads a bounded number of rows."""

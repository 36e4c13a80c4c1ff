"""What asking a large history takes, by command and in the page."""

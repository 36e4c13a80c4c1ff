"""What a running collector can be asked for, besides to stop."""

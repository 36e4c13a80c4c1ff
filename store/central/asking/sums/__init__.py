"""Questions of which the server adds up the answer."""

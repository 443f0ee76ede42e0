"""Linux hosts and what runs on them."""

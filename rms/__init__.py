"""Resource types: what each kind of resource does in the real world."""

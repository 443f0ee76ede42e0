"""What the author of a resource type imports: the base class, declarations, outcomes, transports. No threads."""

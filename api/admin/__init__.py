"""Users, organisations and keys of others, for whoever may see or manage them."""

"""How the installation does, for its operators: figures of the moment, and nobody's content."""

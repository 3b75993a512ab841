"""What every process of ours is built of, whatever it does. Nothing here knows the domain."""

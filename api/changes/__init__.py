"""What changes for a user, told to all their browsers as it happens."""

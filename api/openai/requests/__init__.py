"""What clients of OpenAI ask for: the fields of their requests, and what they mean here."""

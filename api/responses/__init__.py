"""OpenAI's Responses: the same generations and conversations, seen in another shape."""

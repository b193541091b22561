"""Texts to token ids: the base model's files, its tokenizer, lengths."""

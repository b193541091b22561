"""The three gaps: between base model and task, between data and data, between what the model knew and what it still knows."""

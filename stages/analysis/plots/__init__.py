"""One file per picture of the evaluation; `canvas` holds what they share."""

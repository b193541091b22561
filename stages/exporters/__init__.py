"""One file per part of a release: weights, graphs, parity, card, manifest, and the predictor that reads it."""

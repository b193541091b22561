"""How a model learns: batches, optimizer, trainer, history, checkpoints, prediction."""

"""The retrain drill: six things that happen to a model in use, played through on a small project. `python -m tests.drill`."""

"""Which model, and how good: folds, baselines, LightGBM, metrics at capacity, MLflow, release."""

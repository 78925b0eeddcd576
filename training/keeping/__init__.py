"""What is kept of a run: MLflow, the release, and making it again."""

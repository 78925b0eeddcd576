"""What can honestly be learned from: rows, labels, folds, lists."""

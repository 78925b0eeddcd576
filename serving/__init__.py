"""Who to visit first, and why: worklist, reasons, store, service and casework pages."""

"""Who is on a list, and why: bundle, scores, places, reasons, sealed records, worklists."""

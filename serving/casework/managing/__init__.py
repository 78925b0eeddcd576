"""What a manager changes and looks back on: places by week, lists of weeks before, cases that were moved."""

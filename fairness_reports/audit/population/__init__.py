"""Whom an audit counts: people, their groups, and the lists they were on."""

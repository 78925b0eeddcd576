"""What residents read: the site, posters and letters."""

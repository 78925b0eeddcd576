"""Who is let in: providers' tokens, sessions' standing, programs, guests and emergencies (docs/how-to/sign-in.md)."""

"""Sending what waits in the outbox: by signed webhook or by e-mail, to receivers of receivers.toml and nobody else."""

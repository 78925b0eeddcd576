"""A receivers.toml whose receivers are on this machine: `{url}`, `{port}` of the mail server, `{closes}` an hour."""

__all__ = ["RECEIVERS"]

RECEIVERS = """
hosts = ["127.0.0.1"]
mail_domains = ["fernhill.example"]
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "sooner@fernhill.example"
[[receiver]]
id = "case_system"
title = "Family support case system"
kind = "webhook"
gets = ["referral"]
url = "{url}"
secret_from = "CASE_SYSTEM_SECRET"
[[receiver]]
id = "door"
title = "Front door"
kind = "email"
gets = ["referral", "step_up"]
address = "door@fernhill.example"
[step_up]
to = ["door"]
then_to = ["door"]
minutes = 15
phone = "01632 960200"
out_of_hours_phone = "01632 960201"
[[step_up.hours]]
days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
opens = "00:00"
closes = "{closes}"
"""

"""What breaks, is killed, lies or lags: each kind of fault by the thousand, and counted."""

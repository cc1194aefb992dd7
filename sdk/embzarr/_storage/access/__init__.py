"""Where requests go, as whom, and what another host may be told."""
